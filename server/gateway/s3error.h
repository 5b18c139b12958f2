/*
 * S3's errors: one table of code, HTTP status and message. Everything that can go wrong in a request ends
 * here, so a client sees what S3 would have said.
 */
#ifndef REMPART_GATEWAY_S3ERROR_H
#define REMPART_GATEWAY_S3ERROR_H
#include "common/base/arena.h"
#include "common/base/err.h"

/* The messages are S3's own, word for word where a client may compare them; they break the line limit. */
/* clang-format off */
#define S3ERROR_TABLE(X) \
	X(ACCESS_DENIED, 403, "AccessDenied", "Access Denied") \
	X(REQUEST_EXPIRED, 403, "AccessDenied", "Request has expired") \
	X(NOT_SIGNED, 403, "AccessDenied", \
	  "There were headers present in the request which were not signed") \
	X(NO_DATE, 403, "AccessDenied", \
	  "AWS authentication requires a valid Date or x-amz-date header") \
	X(HEADER_MALFORMED, 400, "AuthorizationHeaderMalformed", \
	  "The authorization header is malformed") \
	X(QUERY_MALFORMED, 400, "AuthorizationQueryParametersError", \
	  "The authorization query parameters are malformed") \
	X(EXPIRES_RANGE, 403, "AuthorizationQueryParametersError", \
	  "X-Amz-Expires must be a number of seconds from 1 to 604800") \
	X(SIGNATURE_VERSION, 400, "InvalidRequest", \
	  "The authorization mechanism you have provided is not supported. " \
	  "Please use AWS4-HMAC-SHA256.") \
	X(AUTH_TWICE, 400, "InvalidArgument", \
	  "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " \
	  "Signature query string parameter or the Authorization header should be specified") \
	X(NO_CONTENT_SHA256, 400, "InvalidRequest", \
	  "Missing required header for this request: x-amz-content-sha256") \
	X(PAYLOAD_FORM, 400, "InvalidRequest", \
	  "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING form that is supported " \
	  "here, or a valid sha256 value") \
	X(NO_ACCESS_KEY, 403, "InvalidAccessKeyId", \
	  "The AWS Access Key Id you provided does not exist in our records.") \
	X(BAD_SIGNATURE, 403, "SignatureDoesNotMatch", \
	  "The request signature we calculated does not match the signature you provided. " \
	  "Check your key and signing method.") \
	X(SKEWED, 403, "RequestTimeTooSkewed", \
	  "The difference between the request time and the current time is too large.") \
	X(KMS_NOT_FOUND, 400, "KMS.NotFoundException", \
	  "The KMS key named by the request does not exist.") \
	X(KMS_DISABLED, 400, "KMS.DisabledException", \
	  "The KMS key of this object is not enabled.") \
	X(OBJECT_UNREADABLE, 500, "InternalError", \
	  "The object's key cannot be opened. The object was not served.") \
	X(OBJECT_CORRUPT, 500, "InternalError", \
	  "The stored object failed verification. The object was not served.") \
	X(BAD_DIGEST, 400, "BadDigest", \
	  "The Content-MD5 you specified did not match what we received.") \
	X(INVALID_DIGEST, 400, "InvalidDigest", "The Content-MD5 you specified is not valid.") \
	X(CHECKSUM_MISMATCH, 400, "BadDigest", \
	  "The checksum you specified did not match the calculated checksum.") \
	X(CHECKSUM_INVALID, 400, "BadDigest", \
	  "Value for x-amz-checksum header is invalid.") \
	X(CHECKSUM_ALGORITHM, 400, "InvalidRequest", \
	  "Checksum algorithm provided is unsupported. Please try again with any of the valid " \
	  "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]") \
	X(CHECKSUM_MANY, 400, "InvalidRequest", \
	  "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.") \
	X(CHECKSUM_MISSING, 400, "InvalidRequest", \
	  "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or " \
	  "x-amz-trailer headers were found.") \
	X(CHECKSUM_OF_UPLOAD, 400, "InvalidRequest", \
	  "Checksum Type mismatch occurred: the upload was created with another checksum algorithm " \
	  "or type.") \
	X(SHA256_MISMATCH, 400, "XAmzContentSHA256Mismatch", \
	  "The provided 'x-amz-content-sha256' header does not match what was computed.") \
	X(MALFORMED_TRAILER, 400, "MalformedTrailerError", \
	  "The request contained trailing data that was not well-formed or did not conform to " \
	  "our published schema.") \
	X(INCOMPLETE_BODY, 400, "IncompleteBody", \
	  "You did not provide the number of bytes specified by the Content-Length HTTP header") \
	X(MISSING_LENGTH, 411, "MissingContentLength", \
	  "You must provide the Content-Length HTTP header.") \
	X(TOO_LARGE, 400, "EntityTooLarge", \
	  "Your proposed upload exceeds the maximum allowed size") \
	X(TOO_SMALL, 400, "EntityTooSmall", \
	  "Your proposed upload is smaller than the minimum allowed size") \
	X(MESSAGE_LENGTH, 400, "MaxMessageLengthExceeded", "Your request was too big.") \
	X(METADATA_TOO_LARGE, 400, "MetadataTooLarge", \
	  "Your metadata headers exceed the maximum allowed metadata size") \
	X(KEY_TOO_LONG, 400, "KeyTooLongError", "Your key is too long") \
	X(INVALID_URI, 400, "InvalidURI", "Couldn't parse the specified URI.") \
	X(BAD_REQUEST, 400, "BadRequest", "An error occurred when parsing the HTTP request.") \
	X(INVALID_REQUEST, 400, "InvalidRequest", "The request is not valid.") \
	X(INVALID_ARGUMENT, 400, "InvalidArgument", "Invalid Argument") \
	X(INVALID_BUCKET_NAME, 400, "InvalidBucketName", "The specified bucket is not valid.") \
	X(INVALID_LOCATION, 400, "InvalidLocationConstraint", \
	  "The specified location-constraint is not valid") \
	X(ANONYMOUS_OVERRIDE, 400, "InvalidRequest", \
	  "Request specific response headers cannot be used for anonymous GET requests.") \
	X(INVALID_RANGE, 416, "InvalidRange", "The requested range is not satisfiable") \
	X(INVALID_ENCRYPTION, 400, "InvalidArgument", \
	  "The encryption method specified is not supported") \
	X(CUSTOMER_AND_OTHER, 400, "InvalidArgument", \
	  "Server Side Encryption with Customer provided key is incompatible with the encryption " \
	  "method specified") \
	X(CUSTOMER_NO_ALGORITHM, 400, "InvalidArgument", \
	  "Requests specifying Server Side Encryption with Customer provided keys must provide a " \
	  "valid encryption algorithm.") \
	X(CUSTOMER_ALGORITHM, 400, "InvalidEncryptionAlgorithmError", \
	  "The Encryption request you specified is not valid. Supported value: AES256.") \
	X(CUSTOMER_NO_KEY, 400, "InvalidArgument", \
	  "Requests specifying Server Side Encryption with Customer provided keys must provide an " \
	  "appropriate secret key.") \
	X(CUSTOMER_NO_MD5, 400, "InvalidArgument", \
	  "Requests specifying Server Side Encryption with Customer provided keys must provide the " \
	  "client calculated MD5 of the secret key.") \
	X(CUSTOMER_MD5, 400, "InvalidArgument", \
	  "The calculated MD5 hash of the key did not match the hash that was provided.") \
	X(CUSTOMER_KEY, 400, "InvalidArgument", \
	  "The secret key was invalid for the specified algorithm.") \
	X(CUSTOMER_NEEDED, 400, "InvalidRequest", \
	  "The object was stored using a form of Server Side Encryption. The correct parameters " \
	  "must be provided to retrieve the object.") \
	X(CUSTOMER_NOT_APPLICABLE, 400, "InvalidRequest", \
	  "The encryption parameters are not applicable to this object.") \
	X(CUSTOMER_OF_UPLOAD, 400, "InvalidRequest", \
	  "The multipart upload initiate requested encryption. Subsequent part requests must " \
	  "include the appropriate encryption parameters.") \
	X(CUSTOMER_WRONG, 400, "InvalidRequest", \
	  "The provided encryption parameters did not match the ones used originally.") \
	X(CUSTOMER_BLOCKED, 403, "AccessDenied", \
	  "This bucket has blocked upload requests that specify Server Side Encryption with " \
	  "Customer provided keys (SSE-C). Please specify a different server-side encryption type") \
	X(UPDATE_TYPE, 400, "InvalidRequest", \
	  "Requests that modify an object encryption configuration require a valid new encryption " \
	  "type. Valid values are SSEKMS. Modify the request to specify SSE-KMS for the updated " \
	  "encryption type, and then try again.") \
	X(UPDATE_NO_KEY, 400, "InvalidRequest", \
	  "Requests that modify an object's encryption type to SSE-KMS require an AWS KMS key Amazon " \
	  "Resource Name (ARN). Modify the request to specify a KMS key ARN, and then try again.") \
	X(UPDATE_KEY, 400, "InvalidRequest", \
	  "Requests that modify an object's encryption type to SSE-KMS require a valid AWS KMS key " \
	  "Amazon Resource Name (ARN). Confirm that you have a correctly formatted KMS key ARN in " \
	  "your request, and then try again.") \
	X(UPDATE_BUCKET_KEY, 400, "InvalidRequest", \
	  "The BucketKeyEnabled value isn't valid. Valid values are true or false. Modify the request " \
	  "to specify a valid value, and then try again.") \
	X(UPDATE_SOURCE, 400, "InvalidRequest", \
	  "The UpdateObjectEncryption operation doesn't support source objects with the encryption " \
	  "type DSSE-KMS or SSE-C. Only source objects encrypted with SSE-S3 or SSE-KMS are supported.") \
	X(SELF_COPY, 400, "InvalidRequest", \
	  "This copy request is illegal because it is trying to copy an object to itself " \
	  "without changing the object's metadata, storage class, website redirect location or " \
	  "encryption attributes.") \
	X(COPY_TOO_LARGE, 400, "InvalidRequest", \
	  "The specified copy source is larger than the maximum allowable size for a copy " \
	  "source: 5368709120") \
	X(COPY_SOURCE, 400, "InvalidArgument", \
	  "Copy Source must mention the source bucket and key: sourcebucket/sourcekey") \
	X(COPY_OF_MARKER, 400, "InvalidRequest", \
	  "The source of a copy request may not specifically refer to a delete marker by version " \
	  "id.") \
	X(NO_KEY_MARKER, 400, "InvalidArgument", \
	  "A version-id marker cannot be specified without a key marker.") \
	X(ILLEGAL_VERSIONING, 400, "IllegalVersioningConfigurationException", \
	  "The versioning configuration specified in the request is invalid.") \
	X(BUCKET_STATE, 409, "InvalidBucketState", \
	  "The request is not valid with the current state of the bucket.") \
	X(NO_LOCK_CONFIGURATION, 404, "ObjectLockConfigurationNotFoundError", \
	  "Object Lock configuration does not exist for this bucket") \
	X(NO_LOCK_ON_BUCKET, 400, "InvalidRequest", \
	  "Bucket is missing Object Lock Configuration") \
	X(NO_LOCK_ON_OBJECT, 404, "NoSuchObjectLockConfiguration", \
	  "The specified object does not have a ObjectLock configuration") \
	X(LOCK_HEADERS, 400, "InvalidArgument", \
	  "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied") \
	X(LOCK_MODE, 400, "InvalidArgument", "Unknown wormMode directive.") \
	X(LEGAL_HOLD, 400, "InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'") \
	X(RETAIN_PAST, 400, "InvalidArgument", "The retain until date must be in the future!") \
	X(RETENTION_PERIOD, 400, "InvalidRetentionPeriod", \
	  "Default retention period must be a positive integer value.") \
	X(INVALID_VERSION, 400, "InvalidArgument", "Invalid version id specified") \
	X(NO_SUCH_VERSION, 404, "NoSuchVersion", "The specified version does not exist.") \
	X(MALFORMED_XML, 400, "MalformedXML", \
	  "The XML you provided was not well-formed or did not validate against our published " \
	  "schema") \
	X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed", \
	  "The specified method is not allowed against this resource.") \
	X(NOT_IMPLEMENTED, 501, "NotImplemented", \
	  "A header or query you provided implies functionality that is not implemented") \
	X(NO_SUCH_BUCKET, 404, "NoSuchBucket", "The specified bucket does not exist") \
	X(NO_SUCH_KEY, 404, "NoSuchKey", "The specified key does not exist.") \
	X(NO_SUCH_UPLOAD, 404, "NoSuchUpload", \
	  "The specified upload does not exist. The upload ID may be invalid, or the upload may " \
	  "have been aborted or completed.") \
	X(INVALID_PART, 400, "InvalidPart", \
	  "One or more of the specified parts could not be found.  The part may not have been " \
	  "uploaded, or the specified entity tag may not match the part's entity tag.") \
	X(INVALID_PART_ORDER, 400, "InvalidPartOrder", \
	  "The list of parts was not in ascending order. Parts must be ordered by part number.") \
	X(BUCKET_EXISTS, 409, "BucketAlreadyExists", \
	  "The requested bucket name is not available. The bucket namespace is shared by all " \
	  "users of the system. Please select a different name and try again.") \
	X(BUCKET_OWNED, 409, "BucketAlreadyOwnedByYou", \
	  "Your previous request to create the named bucket succeeded and you already own it.") \
	X(BUCKET_NOT_EMPTY, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty") \
	X(NO_TAG_SET, 404, "NoSuchTagSet", "The TagSet does not exist") \
	X(INVALID_TAG, 400, "InvalidTag", "The tag provided was not a valid tag.") \
	X(NO_ENCRYPTION, 404, "ServerSideEncryptionConfigurationNotFoundError", \
	  "The server side encryption configuration was not found") \
	X(NO_CORS, 404, "NoSuchCORSConfiguration", "The CORS configuration does not exist") \
	X(NO_OWNERSHIP, 404, "OwnershipControlsNotFoundError", \
	  "The bucket ownership controls were not found") \
	X(NO_PUBLIC_ACCESS_BLOCK, 404, "NoSuchPublicAccessBlockConfiguration", \
	  "The public access block configuration was not found") \
	X(NO_LIFECYCLE, 404, "NoSuchLifecycleConfiguration", \
	  "The lifecycle configuration does not exist") \
	X(MALFORMED_ACL, 400, "MalformedACLError", \
	  "The XML you provided was not well-formed or did not validate against our published " \
	  "schema") \
	X(MALFORMED_POLICY, 400, "MalformedPolicy", "The policy is not a valid policy document.") \
	X(LOGGING_TARGET, 400, "InvalidTargetBucketForLogging", \
	  "The target bucket for logging does not exist, or is not owned by you") \
	X(LOGGING_GRANT, 400, "InvalidTargetBucketForLogging", \
	  "The target bucket's policy must allow s3:PutObject to logging.s3.amazonaws.com, or its ACL " \
	  "must give the log-delivery group WRITE and READ_ACP permissions") \
	X(NO_SUCH_GRANTEE, 400, "InvalidArgument", "Invalid id") \
	X(UNKNOWN_EMAIL, 400, "UnresolvableGrantByEmailAddress", \
	  "The email address you provided does not match any account on record.") \
	X(DOCUMENT_NOT_SIGNED, 400, "InvalidRequest", \
	  "A policy or an access control list has to be part of the signature: send its SHA-256 in " \
	  "x-amz-content-sha256, or in x-amz-checksum-sha256") \
	X(ACL_WITH_OWNERSHIP, 400, "InvalidBucketAclWithObjectOwnership", \
	  "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting") \
	X(UNEXPECTED_CONTENT, 400, "UnexpectedContent", \
	  "This request does not support content: the ACL is in its headers") \
	X(NO_SUCH_BUCKET_POLICY, 404, "NoSuchBucketPolicy", "The bucket policy does not exist") \
	X(NO_WEBSITE, 404, "NoSuchWebsiteConfiguration", \
	  "The specified bucket does not have a website configuration") \
	X(NO_REPLICATION, 404, "ReplicationConfigurationNotFoundError", \
	  "The replication configuration was not found") \
	X(ACL_NOT_SUPPORTED, 400, "AccessControlListNotSupported", \
	  "The bucket does not allow ACLs") \
	X(MISSING_HEADER, 400, "MissingSecurityHeader", \
	  "Your request was missing a required header") \
	X(CORS_METHOD, 400, "InvalidRequest", \
	  "Found unsupported HTTP method in CORS config. Supported are GET, PUT, HEAD, POST and " \
	  "DELETE.") \
	X(CORS_WILDCARD, 400, "InvalidRequest", \
	  "AllowedOrigin and AllowedHeader can not have more than one wildcard, ExposeHeader none.") \
	X(CORS_NO_ORIGIN, 400, "BadRequest", \
	  "Insufficient information. Origin request header needed.") \
	X(CORS_BAD_METHOD, 400, "BadRequest", \
	  "Invalid Access-Control-Request-Method") \
	X(CORS_FORBIDDEN, 403, "AccessForbidden", \
	  "CORSResponse: This CORS request is not allowed. This is usually because the evalution " \
	  "of Origin, request method / Access-Control-Request-Method or " \
	  "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.") \
	X(RULE_ID_TWICE, 400, "InvalidArgument", \
	  "Rule ID must be unique. Found same ID for more than one rule") \
	X(RULE_ID_LENGTH, 400, "InvalidArgument", "ID length should not exceed allowed limit of 255") \
	X(RULE_DAYS, 400, "InvalidArgument", "The number of days must be a positive integer") \
	X(RULE_DATE, 400, "InvalidArgument", "'Date' must be at midnight GMT") \
	X(RULE_ACTION, 400, "InvalidRequest", \
	  "At least one action needs to be specified in a rule, and not two that exclude each other") \
	X(RULE_FILTER, 400, "InvalidRequest", \
	  "This action cannot be specified with tags or object sizes") \
	X(POST_TYPE, 412, "PreconditionFailed", \
	  "Bucket POST must be of the enclosure-type multipart/form-data") \
	X(POST_MALFORMED, 400, "MalformedPOSTRequest", \
	  "The body of your POST request is not well-formed multipart/form-data.") \
	X(POST_HEAD, 400, "MaxPostPreDataLengthExceeded", \
	  "Your POST request fields preceding the upload file were too large.") \
	X(POST_NO_FILE, 400, "IncorrectNumberOfFilesInPostRequest", \
	  "POST requires exactly one file upload per request.") \
	X(POST_NO_KEY, 400, "InvalidArgument", \
	  "Bucket POST must contain a field named 'key'.  If it is specified, please check the " \
	  "order of the fields.") \
	X(POST_SIGNATURE, 400, "InvalidArgument", \
	  "A signed bucket POST must contain 'policy' and either 'x-amz-algorithm', " \
	  "'x-amz-credential', 'x-amz-date' and 'x-amz-signature', or 'AWSAccessKeyId' and " \
	  "'signature', all well-formed and before the file.") \
	X(POST_FIELD, 400, "InvalidArgument", \
	  "A field of the form stands twice, or no header can carry it.") \
	X(POST_POLICY, 400, "InvalidPolicyDocument", \
	  "The policy is not a JSON document in base64 with 'expiration' and 'conditions' that " \
	  "S3 knows.") \
	X(POST_CONDITION, 403, "AccessDenied", \
	  "Invalid according to Policy: Policy Condition failed") \
	X(POST_EXPIRED, 403, "AccessDenied", "Invalid according to Policy: Policy expired.") \
	X(PRECONDITION_FAILED, 412, "PreconditionFailed", \
	  "At least one of the pre-conditions you specified did not hold") \
	X(NOT_MODIFIED, 304, "NotModified", "Not Modified") \
	X(REQUEST_TIMEOUT, 400, "RequestTimeout", \
	  "Your socket connection to the server was not read from or written to within the " \
	  "timeout period.") \
	X(SLOW_DOWN, 503, "SlowDown", \
	  "Please reduce your request rate. The service or its key management is not available " \
	  "at the moment; try again.") \
	X(STORAGE_FULL, 507, "InsufficientStorage", \
	  "The storage behind this service is full. Nothing was stored.") \
	X(INTERNAL, 500, "InternalError", \
	  "We encountered an internal error. Please try again.")
/* clang-format on */

#define S3ERROR_ENUM(name, status, code, message) S3E_##name,
enum [[nodiscard]] s3error { S3E_NONE, S3ERROR_TABLE(S3ERROR_ENUM) S3E_COUNT };

unsigned s3error_status(enum s3error e);
const char *s3error_code(enum s3error e);
const char *s3error_message(enum s3error e);
/* s3error_of: what a client is told about an internal error. OK gives S3E_NONE. */
enum s3error s3error_of(enum err e);
/* s3error_of_bucket: of a call of the index that gives NOTFOUND when the bucket is gone, or is another one by now. */
enum s3error s3error_of_bucket(enum err e);
/* s3error_of_http: for refusals that the HTTP server makes itself. */
enum s3error s3error_of_http(unsigned status);

/* TRY_S3: pass an S3 error on, as TRY does for enum err. */
#define TRY_S3(expression)                                                                         \
	do {                                                                                       \
		enum s3error try_s3_ = (expression);                                               \
		if (try_s3_ != S3E_NONE) {                                                         \
			return try_s3_;                                                            \
		}                                                                                  \
	} while (0)

#endif
