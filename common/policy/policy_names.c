/*
 * The words of S3 that a policy may use. An unknown one is refused and not ignored: a Deny with a misspelt action would deny nothing.
 * Source: AWS service authorization reference, "Actions, resources, and condition keys for Amazon S3" (those of buckets and objects);
 * IAM user guide, "AWS global condition context keys". Keys that nothing here ever gives a value (organisations, VPCs) are known all the
 * same: they are absent, as they are for a request that comes from elsewhere than AWS.
 */
#include "common/base/attr.h"
#include "common/policy/compiled.h"

enum { ACTION_MAX_BYTES = 128 }; /* each pattern is held against every action */

static const struct bytes actions[] = {
	BYTES("s3:AbortMultipartUpload"),
	BYTES("s3:BypassGovernanceRetention"),
	BYTES("s3:CreateBucket"),
	BYTES("s3:CreateBucketMetadataTableConfiguration"),
	BYTES("s3:CreateSession"),
	BYTES("s3:DeleteBucket"),
	BYTES("s3:DeleteBucketMetadataTableConfiguration"),
	BYTES("s3:DeleteBucketPolicy"),
	BYTES("s3:DeleteBucketWebsite"),
	BYTES("s3:DeleteObject"),
	BYTES("s3:DeleteObjectTagging"),
	BYTES("s3:DeleteObjectVersion"),
	BYTES("s3:DeleteObjectVersionTagging"),
	BYTES("s3:GetAccelerateConfiguration"),
	BYTES("s3:GetAnalyticsConfiguration"),
	BYTES("s3:GetBucketAbac"),
	BYTES("s3:GetBucketAcl"),
	BYTES("s3:GetBucketCORS"),
	BYTES("s3:GetBucketLocation"),
	BYTES("s3:GetBucketLogging"),
	BYTES("s3:GetBucketMetadataTableConfiguration"),
	BYTES("s3:GetBucketNotification"),
	BYTES("s3:GetBucketObjectLockConfiguration"),
	BYTES("s3:GetBucketOwnershipControls"),
	BYTES("s3:GetBucketPolicy"),
	BYTES("s3:GetBucketPolicyStatus"),
	BYTES("s3:GetBucketPublicAccessBlock"),
	BYTES("s3:GetBucketRequestPayment"),
	BYTES("s3:GetBucketTagging"),
	BYTES("s3:GetBucketVersioning"),
	BYTES("s3:GetBucketWebsite"),
	BYTES("s3:GetEncryptionConfiguration"),
	BYTES("s3:GetIntelligentTieringConfiguration"),
	BYTES("s3:GetInventoryConfiguration"),
	BYTES("s3:GetLifecycleConfiguration"),
	BYTES("s3:GetMetricsConfiguration"),
	BYTES("s3:GetObject"),
	BYTES("s3:GetObjectAcl"),
	BYTES("s3:GetObjectAttributes"),
	BYTES("s3:GetObjectLegalHold"),
	BYTES("s3:GetObjectRetention"),
	BYTES("s3:GetObjectTagging"),
	BYTES("s3:GetObjectTorrent"),
	BYTES("s3:GetObjectVersion"),
	BYTES("s3:GetObjectVersionAcl"),
	BYTES("s3:GetObjectVersionAttributes"),
	BYTES("s3:GetObjectVersionForReplication"),
	BYTES("s3:GetObjectVersionTagging"),
	BYTES("s3:GetObjectVersionTorrent"),
	BYTES("s3:GetReplicationConfiguration"),
	BYTES("s3:InitiateReplication"),
	BYTES("s3:ListAllMyBuckets"),
	BYTES("s3:ListBucket"),
	BYTES("s3:ListBucketMultipartUploads"),
	BYTES("s3:ListBucketVersions"),
	BYTES("s3:ListMultipartUploadParts"),
	BYTES("s3:ListTagsForResource"),
	BYTES("s3:ObjectOwnerOverrideToBucketOwner"),
	BYTES("s3:PauseReplication"),
	BYTES("s3:PutAccelerateConfiguration"),
	BYTES("s3:PutAnalyticsConfiguration"),
	BYTES("s3:PutBucketAbac"),
	BYTES("s3:PutBucketAcl"),
	BYTES("s3:PutBucketCORS"),
	BYTES("s3:PutBucketLogging"),
	BYTES("s3:PutBucketNotification"),
	BYTES("s3:PutBucketObjectLockConfiguration"),
	BYTES("s3:PutBucketOwnershipControls"),
	BYTES("s3:PutBucketPolicy"),
	BYTES("s3:PutBucketPublicAccessBlock"),
	BYTES("s3:PutBucketRequestPayment"),
	BYTES("s3:PutBucketTagging"),
	BYTES("s3:PutBucketVersioning"),
	BYTES("s3:PutBucketWebsite"),
	BYTES("s3:PutEncryptionConfiguration"),
	BYTES("s3:PutIntelligentTieringConfiguration"),
	BYTES("s3:PutInventoryConfiguration"),
	BYTES("s3:PutLifecycleConfiguration"),
	BYTES("s3:PutMetricsConfiguration"),
	BYTES("s3:PutObject"),
	BYTES("s3:PutObjectAcl"),
	BYTES("s3:PutObjectLegalHold"),
	BYTES("s3:PutObjectRetention"),
	BYTES("s3:PutObjectTagging"),
	BYTES("s3:PutObjectVersionAcl"),
	BYTES("s3:PutObjectVersionTagging"),
	BYTES("s3:PutReplicationConfiguration"),
	BYTES("s3:ReplicateDelete"),
	BYTES("s3:ReplicateObject"),
	BYTES("s3:ReplicateTags"),
	BYTES("s3:RestoreObject"),
	BYTES("s3:TagResource"),
	BYTES("s3:UntagResource"),
	BYTES("s3:UpdateBucketMetadataInventoryTableConfiguration"),
	BYTES("s3:UpdateBucketMetadataJournalTableConfiguration"),
	BYTES("s3:UpdateObjectEncryption"),
	BYTES("s3:UpdateObjectEncryption"),
};

static const struct bytes keys[] = {
	BYTES("aws:AssumedRoot"),
	BYTES("aws:CalledVia"),
	BYTES("aws:CalledViaFirst"),
	BYTES("aws:CalledViaLast"),
	BYTES("aws:ChatbotSourceArn"),
	BYTES("aws:CurrentTime"),
	BYTES("aws:Ec2InstanceSourcePrivateIPv4"),
	BYTES("aws:Ec2InstanceSourceVpc"),
	BYTES("aws:EpochTime"),
	BYTES("aws:FederatedProvider"),
	BYTES("aws:MultiFactorAuthAge"),
	BYTES("aws:MultiFactorAuthPresent"),
	BYTES("aws:PrincipalAccount"),
	BYTES("aws:PrincipalArn"),
	BYTES("aws:PrincipalIsAWSService"),
	BYTES("aws:PrincipalOrgID"),
	BYTES("aws:PrincipalOrgPaths"),
	BYTES("aws:PrincipalServiceName"),
	BYTES("aws:PrincipalServiceNamesList"),
	BYTES("aws:PrincipalType"),
	BYTES("aws:Referer"),
	BYTES("aws:RequestedRegion"),
	BYTES("aws:ResourceAccount"),
	BYTES("aws:ResourceOrgID"),
	BYTES("aws:ResourceOrgPaths"),
	BYTES("aws:SecureTransport"),
	BYTES("aws:SourceAccount"),
	BYTES("aws:SourceArn"),
	BYTES("aws:SourceIdentity"),
	BYTES("aws:SourceIp"),
	BYTES("aws:SourceOrgID"),
	BYTES("aws:SourceOrgPaths"),
	BYTES("aws:SourceOwner"),
	BYTES("aws:SourceVpc"),
	BYTES("aws:SourceVpcArn"),
	BYTES("aws:SourceVpce"),
	BYTES("aws:TagKeys"),
	BYTES("aws:TokenIssueTime"),
	BYTES("aws:UserAgent"),
	BYTES("aws:userid"),
	BYTES("aws:username"),
	BYTES("aws:ViaAWSService"),
	BYTES("aws:VpceAccount"),
	BYTES("aws:VpceOrgID"),
	BYTES("aws:VpceOrgPaths"),
	BYTES("aws:VpcSourceIp"),
	BYTES("s3:AccessGrantsInstanceArn"),
	BYTES("s3:AccessPointNetworkOrigin"),
	BYTES("s3:authType"),
	BYTES("s3:DataAccessPointAccount"),
	BYTES("s3:DataAccessPointArn"),
	BYTES("s3:delimiter"),
	BYTES("s3:destinationRegion"),
	BYTES("s3:if-match"),
	BYTES("s3:if-none-match"),
	BYTES("s3:InventoryAccessibleOptionalFields"),
	BYTES("s3:isReplicationPauseRequest"),
	BYTES("s3:LocationConstraint"),
	BYTES("s3:max-keys"),
	BYTES("s3:object-lock-legal-hold"),
	BYTES("s3:object-lock-mode"),
	BYTES("s3:object-lock-remaining-retention-days"),
	BYTES("s3:object-lock-retain-until-date"),
	BYTES("s3:ObjectCreationOperation"),
	BYTES("s3:prefix"),
	BYTES("s3:RequestObjectTagKeys"),
	BYTES("s3:ResourceAccount"),
	BYTES("s3:signatureAge"),
	BYTES("s3:signatureversion"),
	BYTES("s3:TlsVersion"),
	BYTES("s3:VersionId"),
	BYTES("s3:x-amz-acl"),
	BYTES("s3:x-amz-content-sha256"),
	BYTES("s3:x-amz-copy-source"),
	BYTES("s3:x-amz-grant-full-control"),
	BYTES("s3:x-amz-grant-read"),
	BYTES("s3:x-amz-grant-read-acp"),
	BYTES("s3:x-amz-grant-write"),
	BYTES("s3:x-amz-grant-write-acp"),
	BYTES("s3:x-amz-metadata-directive"),
	BYTES("s3:x-amz-object-ownership"),
	BYTES("s3:x-amz-server-side-encryption"),
	BYTES("s3:x-amz-server-side-encryption-aws-kms-key-id"),
	BYTES("s3:x-amz-server-side-encryption-customer-algorithm"),
	BYTES("s3:x-amz-storage-class"),
	BYTES("s3:x-amz-website-redirect-location"),
};

/* A tag's name follows. */
static const struct bytes tag_keys[] = {
	BYTES("aws:PrincipalTag/"),
	BYTES("aws:RequestTag/"),
	BYTES("aws:ResourceTag/"),
	BYTES("s3:BucketTag/"),
	BYTES("s3:ExistingObjectTag/"),
	BYTES("s3:RequestObjectTag/"),
};

/* names_same looks at the length first, so this is quick. */
static bool is_among(const struct bytes *names, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++) {
		if (names_same(names[i], name)) {
			return true;
		}
	}
	return false;
}

bool names_action_known(struct bytes pattern)
{
	const struct glob g = {.pattern = pattern, .wildcards = true, .nocase = true};

	if (pattern.n > ACTION_MAX_BYTES || glob_is_fixed(&g)) {
		return is_among(actions, COUNT(actions), pattern);
	}
	for (size_t i = 0; i < COUNT(actions); i++) {
		struct trial t = {.steps_left = SIZE_MAX};
		if (glob_match(&g, actions[i], &t, NULL)) {
			return true;
		}
	}
	return false;
}

bool names_key_known(struct bytes key)
{
	for (size_t i = 0; i < COUNT(tag_keys); i++) {
		struct bytes start = tag_keys[i];
		if (key.n > start.n && names_same(bytes_first(key, start.n), start)) {
			return true;
		}
	}
	return is_among(keys, COUNT(keys), key);
}

bool names_given(const struct policy_request *q, struct bytes key, size_t *at, struct bytes *ret)
{
	while (*at < q->n_context) {
		const struct field *f = &q->context[(*at)++];
		if (names_same(key, f->name)) {
			*ret = f->value;
			return true;
		}
	}
	return false;
}
