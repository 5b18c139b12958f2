/*
 * Access control lists: who owns a bucket or an object, and what is granted to whom. Read from S3's
 * XML, from canned words and x-amz-grant-* headers; kept as bytes in one canonical form. Pure.
 * Source: S3 user guide, "Access control list (ACL) overview", "Canned ACL"; API reference,
 * PutBucketAcl, PutObjectAcl.
 */
#ifndef REMPART_ACL_H
#define REMPART_ACL_H
#include "common/base/arena.h"
#include "common/base/bytes.h"

enum {
	ACL_GRANTS_MAX = 100,
	ACL_NAME_MAX = 128,       /* bytes of a display name */
	ACL_MAX_BYTES = 32 << 10, /* of the canonical form */
	ACL_XML_NODES_MAX = 8 * ACL_GRANTS_MAX + 16,
};

enum acl_permission { /* bits; numbers are on disk */
	ACL_READ = 1,
	ACL_WRITE = 2,
	ACL_READ_ACP = 4,
	ACL_WRITE_ACP = 8,
	ACL_FULL_CONTROL = 15,
};
enum acl_grantee { /* numbers are on disk */
	ACL_USER = 1,          /* id: canonical id of a tenant */
	ACL_ALL_USERS = 2,     /* everybody, without a signature too */
	ACL_AUTHENTICATED = 3, /* everybody with a signature, of any tenant */
	ACL_LOG_DELIVERY = 4,
	/* id: an address that has to be resolved before it is kept; never in the canonical form */
	ACL_EMAIL = 5,
};
struct acl_person {
	struct bytes id;   /* canonical id, 64 hex digits */
	struct bytes name; /* display name */
};
struct acl_grant {
	enum acl_grantee grantee;
	struct acl_person person; /* USER, EMAIL */
	uint8_t permission;       /* one of enum acl_permission */
};
struct acl {
	struct acl_person owner;
	struct acl_grant *grants;
	size_t n;
};

/* acl_private: the owner has FULL_CONTROL, nobody else anything. errors: LIMIT (arena) */
enum err acl_private(struct arena *a, struct acl_person owner, struct acl *ret);
/* A request that makes or changes a bucket or an object. */
struct acl_request {
	const struct field *headers; /* lower-case names; others than ACLs' are ignored */
	size_t n;
	struct acl_person owner; /* of the bucket or object */
	/* of the bucket of an object; NULL: the ACL is a bucket's */
	const struct acl_person *bucket_owner;
};
/*
 * acl_read_request: what a request says about the ACL of what it makes or changes: x-amz-acl, or
 * x-amz-grant-* headers, which grant what they say and, to the owner too, nothing else. A grantee
 * other than the owner comes without a name, and nobody has yet looked whether his id exists.
 * Borrows from the headers.
 *   *ret_said     false: the request says nothing; ret is then acl_private
 *   errors        INPUT (*ret_why: constant text: an unknown word, both forms at once, a malformed
 *                 grant), LIMIT
 */
enum err acl_read_request(struct arena *a, const struct acl_request *q, bool *ret_said,
                          struct acl *ret, const char **ret_why);
/* acl_read_xml: an AccessControlPolicy document. The owner named in it must be `owner`. Grantees
 * are as in acl_read_request.
 * errors: INPUT (malformed), DENIED (another owner), LIMIT (more than ACL_GRANTS_MAX) */
enum err acl_read_xml(struct arena *a, struct bytes text, struct acl_person owner, struct acl *ret);
/* acl_write_xml: the AccessControlPolicy document that GetBucketAcl and GetObjectAcl answer: grants
 * to groups first, otherwise in the order of the list. With a grantee of kind EMAIL it sets w
 * full. */
void acl_write_xml(struct writer *w, const struct acl *acl);

/* acl_write, acl_read: the canonical form: u8 1, lv16 owner id, lv16 owner name, u16 n, then each
 * grant: u8 grantee, u8 permission, lv16 id, lv16 name; in the same order as acl_write_xml. write
 * sets w full for a grantee of kind EMAIL. read borrows from `text` but for the array; takes
 * nothing that write would not have made. errors: CORRUPT, LIMIT */
void acl_write(struct writer *w, const struct acl *acl);
enum err acl_read(struct arena *a, struct bytes text, struct acl *ret);

/* acl_read_owner: of the canonical form, of which the first 261 bytes are enough. errors:
 * CORRUPT */
enum err acl_read_owner(struct bytes text, struct acl_person *ret);

/* acl_permits: has this person (canonical id; empty: anonymous) the permission? ignore_public:
 * grants to groups do not count. The owner is not special here: his grants stand in the list, and
 * may have been taken away. */
bool acl_permits(const struct acl *acl, struct bytes canonical_id, enum acl_permission permission,
                 bool ignore_public);
/* acl_is_public: a grant to everybody or to everybody with a signature. */
bool acl_is_public(const struct acl *acl);

#endif
