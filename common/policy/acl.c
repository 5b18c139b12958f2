/*
 * The invariant: grants to groups stand before grants to persons in everything that is written, and
 * otherwise in the order in which they were made; so one list has one form, and an answer begins as
 * S3's does. A grant that means nothing to acl_permits is never read: what cannot be enforced is
 * refused.
 */
#include "common/policy/acl.h"

#include "common/base/attr.h"
#include "common/codec/xml.h"

enum {
	FORM_VERSION = 1,
	ID_MAX_BYTES = 128,
	NAME_MAX_BYTES = ACL_NAME_MAX,
	EMAIL_MAX_BYTES = 254, /* RFC 5321, a path without its brackets */
};
_Static_assert(1 + 2 + ID_MAX_BYTES + 2 + NAME_MAX_BYTES + 2 +
                       ACL_GRANTS_MAX * (2 + 2 + ID_MAX_BYTES + 2 + NAME_MAX_BYTES) <
               ACL_MAX_BYTES,
               "the largest list has a form");

static const struct {
	const char *uri;
	enum acl_grantee grantee;
} groups[] = {
	{"http://acs.amazonaws.com/groups/global/AllUsers", ACL_ALL_USERS},
	{"http://acs.amazonaws.com/groups/global/AuthenticatedUsers", ACL_AUTHENTICATED},
	{"http://acs.amazonaws.com/groups/s3/LogDelivery", ACL_LOG_DELIVERY},
};

/* In the order in which S3 lists what came in headers. */
static const struct {
	const char *word, *header;
	enum acl_permission permission;
} permissions[] = {
	{"READ", "x-amz-grant-read", ACL_READ},
	{"WRITE", "x-amz-grant-write", ACL_WRITE},
	{"READ_ACP", "x-amz-grant-read-acp", ACL_READ_ACP},
	{"WRITE_ACP", "x-amz-grant-write-acp", ACL_WRITE_ACP},
	{"FULL_CONTROL", "x-amz-grant-full-control", ACL_FULL_CONTROL},
};

static bool is_person(enum acl_grantee grantee)
{
	return grantee == ACL_USER || grantee == ACL_EMAIL;
}

/* Room for n grants, none of them made yet. */
static enum err make(struct arena *a, struct acl_person owner, size_t n, struct acl *ret)
{
	struct acl_grant *grants = arena_alloc(a, n * sizeof(*grants));
	if (grants == NULL) {
		return ERR_LIMIT;
	}
	*ret = (struct acl){owner, grants, 0};
	return OK;
}

static void add(struct acl *acl, enum acl_grantee grantee, struct acl_person person,
                enum acl_permission permission)
{
	acl->grants[acl->n++] = (struct acl_grant){grantee, person, (uint8_t)permission};
}

enum err acl_private(struct arena *a, struct acl_person owner, struct acl *ret)
{
	TRY(make(a, owner, 1, ret));
	add(ret, ACL_USER, owner, ACL_FULL_CONTROL);
	return OK;
}

/* What a canned word grants beside the owner's full control. */
struct canned {
	const char *word;
	struct {
		enum acl_grantee grantee; /* ACL_USER: the owner of the bucket; 0: none */
		enum acl_permission permission;
	} grants[2];
	enum { FOR_ALL, FOR_BUCKETS } level;
};
static const struct canned canned[] = {
	{"private", {{0}}, FOR_ALL},
	{"public-read", {{ACL_ALL_USERS, ACL_READ}}, FOR_ALL},
	{"public-read-write", {{ACL_ALL_USERS, ACL_READ}, {ACL_ALL_USERS, ACL_WRITE}}, FOR_ALL},
	{"authenticated-read", {{ACL_AUTHENTICATED, ACL_READ}}, FOR_ALL},
	/* S3 ignores these two on a bucket, whose owner has everything as it is. */
	{"bucket-owner-read", {{ACL_USER, ACL_READ}}, FOR_ALL},
	{"bucket-owner-full-control", {{ACL_USER, ACL_FULL_CONTROL}}, FOR_ALL},
	{"log-delivery-write",
	 {{ACL_LOG_DELIVERY, ACL_WRITE}, {ACL_LOG_DELIVERY, ACL_READ_ACP}},
	 FOR_BUCKETS},
};

/* aws-exec-read is not among them: it names a service that does not exist here. */
static const struct canned *find_canned(struct bytes word, bool is_bucket)
{
	for (size_t i = 0; i < COUNT(canned); i++) {
		if (bytes_is(word, canned[i].word)) {
			return canned[i].level == FOR_BUCKETS && !is_bucket ? NULL : &canned[i];
		}
	}
	return NULL;
}

static enum err grant_canned(struct arena *a, const struct canned *c, struct acl_person owner,
                             const struct acl_person *bucket_owner, struct acl *ret)
{
	TRY(make(a, owner, 1 + COUNT(c->grants), ret));
	add(ret, ACL_USER, owner, ACL_FULL_CONTROL);
	for (size_t i = 0; i < COUNT(c->grants) && c->grants[i].grantee != 0; i++) {
		enum acl_grantee grantee = c->grants[i].grantee;
		if (grantee != ACL_USER) {
			add(ret, grantee, (struct acl_person){0}, c->grants[i].permission);
		} else if (bucket_owner != NULL && !bytes_equal(bucket_owner->id, owner.id)) {
			add(ret, grantee, *bucket_owner, c->grants[i].permission);
		}
	}
	return OK;
}

static bool read_group(struct bytes uri, enum acl_grantee *ret)
{
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (bytes_is(uri, groups[i].uri)) {
			*ret = groups[i].grantee;
			return true;
		}
	}
	return false;
}

/* Visible ASCII: ids and addresses that exist are made of it, and XML carries it back. */
static bool is_visible(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] > '~') {
			return false;
		}
	}
	return text.n > 0;
}

/*
 * A grantee as a request names him. A display name that came along is not believed; the owner's is
 * known here, the others' the caller looks up with their ids.
 */
static bool read_grantee(enum acl_grantee kind, struct bytes text, struct acl_person owner,
                         struct acl_grant *ret)
{
	if (!is_visible(text)) {
		return false;
	}
	if (!is_person(kind)) {
		ret->person = (struct acl_person){0};
		return read_group(text, &ret->grantee);
	}
	ret->grantee = kind;
	ret->person = (struct acl_person){.id = text};
	if (kind == ACL_EMAIL) {
		return text.n <= EMAIL_MAX_BYTES;
	}
	if (bytes_equal(text, owner.id)) {
		ret->person = owner;
	}
	return text.n <= ID_MAX_BYTES;
}

/* What stands before "=" in a header. ACL_ALL_USERS stands for any group. */
static bool read_kind(struct bytes word, enum acl_grantee *ret)
{
	if (bytes_is_nocase(word, "id")) {
		*ret = ACL_USER;
	} else if (bytes_is_nocase(word, "uri")) {
		*ret = ACL_ALL_USERS;
	} else if (bytes_is_nocase(word, "emailaddress")) {
		*ret = ACL_EMAIL;
	} else {
		return false;
	}
	return true;
}

/* One `kind=value` or `kind="value"` from the front of *rest, and the comma behind it. */
static bool read_item(struct bytes *rest, struct acl_person owner, struct acl_grant *ret)
{
	enum acl_grantee kind;
	struct bytes value;
	if (!read_kind(bytes_trim(bytes_split(rest, '=')), &kind) || rest->p == NULL) {
		return false;
	}
	*rest = bytes_trim(*rest);
	if (rest->n > 0 && rest->p[0] == '"') {
		*rest = bytes_skip(*rest, 1);
		value = bytes_split(rest, '"');
		if (rest->p == NULL || bytes_trim(bytes_split(rest, ',')).n > 0) {
			return false;
		}
	} else {
		value = bytes_trim(bytes_split(rest, ','));
	}
	return read_grantee(kind, value, owner, ret);
}

/* The grants of one header, behind those that *acl has. *ret_why is set when INPUT is returned. */
static enum err read_header(struct bytes value, enum acl_permission permission, struct acl *acl,
                            const char **ret_why)
{
	struct bytes rest = value;
	do { /* bytes_split leaves p NULL behind the last item: a comma at the end is malformed */
		struct acl_grant grant = {.permission = (uint8_t)permission};
		if (!read_item(&rest, acl->owner, &grant)) {
			*ret_why = "Argument format not recognized";
			return ERR_INPUT;
		}
		if (acl->n == ACL_GRANTS_MAX) {
			return ERR_LIMIT;
		}
		acl->grants[acl->n++] = grant;
	} while (rest.p != NULL);
	return OK;
}

static enum err read_headers(struct arena *a, const struct field *headers, size_t n,
                             struct acl *ret, const char **ret_why)
{
	TRY(make(a, ret->owner, ACL_GRANTS_MAX, ret));
	for (size_t i = 0; i < COUNT(permissions); i++) {
		for (size_t j = 0; j < n; j++) {
			if (bytes_is(headers[j].name, permissions[i].header)) {
				TRY(read_header(headers[j].value, permissions[i].permission, ret,
				                ret_why));
			}
		}
	}
	return OK;
}

static bool is_grant_header(struct bytes name)
{
	for (size_t i = 0; i < COUNT(permissions); i++) {
		if (bytes_is(name, permissions[i].header)) {
			return true;
		}
	}
	return false;
}

/* What the request uses: a canned word, grants, or neither. */
static const char *find_form(const struct field *headers, size_t n, const struct field **ret_word,
                             bool *ret_grants)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_is(headers[i].name, "x-amz-acl")) {
			if (*ret_word != NULL) {
				return "x-amz-acl was sent twice";
			}
			*ret_word = &headers[i];
		} else if (is_grant_header(headers[i].name)) {
			*ret_grants = true;
		} else if (bytes_starts(headers[i].name, BYTES("x-amz-grant-"))) {
			return "Unknown header x-amz-grant-";
		}
	}
	if (*ret_word != NULL && *ret_grants) {
		return "Specifying both Canned ACLs and Header Grants is not allowed";
	}
	return NULL;
}

enum err acl_read_request(struct arena *a, const struct acl_request *q, bool *ret_said,
                          struct acl *ret, const char **ret_why)
{
	const struct field *word = NULL;
	bool has_grants = false;
	struct acl acl = {.owner = q->owner};
	const char *why = find_form(q->headers, q->n, &word, &has_grants);
	if (why != NULL) {
		*ret_why = why;
		return ERR_INPUT;
	}
	if (has_grants) {
		TRY(read_headers(a, q->headers, q->n, &acl, ret_why));
	} else {
		const struct canned *c = find_canned(word == NULL ? BYTES("private") : word->value,
		                                     q->bucket_owner == NULL);
		if (c == NULL) {
			*ret_why = "x-amz-acl is not a canned ACL";
			return ERR_INPUT;
		}
		TRY(grant_canned(a, c, q->owner, q->bucket_owner, &acl));
	}
	*ret_said = word != NULL || has_grants;
	*ret = acl;
	return OK;
}

static bool read_permission(struct bytes word, uint8_t *ret)
{
	for (size_t i = 0; i < COUNT(permissions); i++) {
		if (bytes_is(word, permissions[i].word)) {
			*ret = (uint8_t)permissions[i].permission;
			return true;
		}
	}
	return false;
}

/* Has the node these two children and no others, one of each? `second` NULL: it is left out. */
static bool has_children(const struct xml_node *node, const char *first, const char *second)
{
	size_t n = 0;
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		n++;
	}
	return n == (second == NULL ? 1 : 2) && xml_child(node, first) != NULL &&
	       (second == NULL || xml_child(node, second) != NULL);
}

/* Which kind a Grantee is, its child tells; xsi:type says the same once more. */
static bool read_grantee_xml(const struct xml_node *node, struct acl_person owner,
                             struct acl_grant *ret)
{
	if (has_children(node, "ID", NULL) || has_children(node, "ID", "DisplayName")) {
		return read_grantee(ACL_USER, xml_text(node, "ID"), owner, ret);
	}
	if (has_children(node, "URI", NULL)) {
		return read_grantee(ACL_ALL_USERS, xml_text(node, "URI"), owner, ret);
	}
	if (has_children(node, "EmailAddress", NULL)) {
		return read_grantee(ACL_EMAIL, xml_text(node, "EmailAddress"), owner, ret);
	}
	return false;
}

static enum err read_list_xml(struct arena *a, const struct xml_node *list, struct acl *ret)
{
	TRY(make(a, ret->owner, ACL_GRANTS_MAX, ret));
	for (const struct xml_node *node = list->child; node != NULL; node = node->next) {
		struct acl_grant grant = {0};
		if (!bytes_is(node->name, "Grant") || !has_children(node, "Grantee", "Permission") ||
		    !read_grantee_xml(xml_child(node, "Grantee"), ret->owner, &grant) ||
		    !read_permission(xml_text(node, "Permission"), &grant.permission)) {
			return ERR_INPUT;
		}
		if (ret->n == ACL_GRANTS_MAX) {
			return ERR_LIMIT;
		}
		ret->grants[ret->n++] = grant;
	}
	return OK;
}

enum err acl_read_xml(struct arena *a, struct bytes text, struct acl_person owner, struct acl *ret)
{
	struct xml_node *root;
	struct acl acl = {.owner = owner};
	TRY(xml_parse(a, text, ACL_XML_NODES_MAX, &root));
	if (!bytes_is(root->name, "AccessControlPolicy") ||
	    !has_children(root, "Owner", "AccessControlList")) {
		return ERR_INPUT;
	}
	const struct xml_node *named = xml_child(root, "Owner");
	if (!has_children(named, "ID", NULL) && !has_children(named, "ID", "DisplayName")) {
		return ERR_INPUT;
	}
	if (!bytes_equal(xml_text(named, "ID"), owner.id)) {
		return ERR_DENIED;
	}
	TRY(read_list_xml(a, xml_child(root, "AccessControlList"), &acl));
	*ret = acl;
	return OK;
}

static void write_person_xml(struct writer *w, struct acl_person person)
{
	xml_element(w, "ID", person.id);
	if (person.name.n > 0) {
		xml_element(w, "DisplayName", person.name);
	}
}

static void write_grant_xml(struct writer *w, const struct acl_grant *grant)
{
	xml_open(w, "Grant");
	xml_open(w, grant->grantee == ACL_USER
	                    ? "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	                      "xsi:type=\"CanonicalUser\""
	                    : "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	                      "xsi:type=\"Group\"");
	if (grant->grantee == ACL_USER) {
		write_person_xml(w, grant->person);
	}
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (grant->grantee == groups[i].grantee) {
			xml_element_text(w, "URI", groups[i].uri);
		}
	}
	xml_close(w, "Grantee");
	for (size_t i = 0; i < COUNT(permissions); i++) {
		if (grant->permission == permissions[i].permission) {
			xml_element_text(w, "Permission", permissions[i].word);
		}
	}
	xml_close(w, "Grant");
}

static void write_grant(struct writer *w, const struct acl_grant *grant)
{
	write_u8(w, (uint8_t)grant->grantee);
	write_u8(w, grant->permission);
	write_lv16(w, grant->person.id);
	write_lv16(w, grant->person.name);
}

/* Groups first. An address that nobody resolved has no form: the writer ends full. */
static void write_grants(struct writer *w, const struct acl *acl,
                         void (*write)(struct writer *w, const struct acl_grant *grant))
{
	for (size_t i = 0; i < acl->n; i++) {
		if (!is_person(acl->grants[i].grantee)) {
			write(w, &acl->grants[i]);
		}
	}
	for (size_t i = 0; i < acl->n; i++) {
		if (is_person(acl->grants[i].grantee)) {
			write(w, &acl->grants[i]);
			w->full = w->full || acl->grants[i].grantee == ACL_EMAIL;
		}
	}
}

void acl_write_xml(struct writer *w, const struct acl *acl)
{
	xml_begin(w);
	xml_open(w, "AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_open(w, "Owner");
	write_person_xml(w, acl->owner);
	xml_close(w, "Owner");
	xml_open(w, "AccessControlList");
	write_grants(w, acl, write_grant_xml);
	xml_close(w, "AccessControlList");
	xml_close(w, "AccessControlPolicy");
}

void acl_write(struct writer *w, const struct acl *acl)
{
	write_u8(w, FORM_VERSION);
	write_lv16(w, acl->owner.id);
	write_lv16(w, acl->owner.name);
	write_u16(w, (uint16_t)acl->n);
	write_grants(w, acl, write_grant);
}

static bool permission_known(uint8_t permission)
{
	for (size_t i = 0; i < COUNT(permissions); i++) {
		if (permission == permissions[i].permission) {
			return true;
		}
	}
	return false;
}

static bool read_grant(struct reader *r, struct acl_grant *ret)
{
	uint8_t grantee = read_u8(r);
	ret->grantee = grantee;
	ret->permission = read_u8(r);
	ret->person.id = read_lv16(r, ID_MAX_BYTES);
	ret->person.name = read_lv16(r, NAME_MAX_BYTES);
	if (r->bad || grantee < ACL_USER || grantee >= ACL_EMAIL ||
	    !permission_known(ret->permission)) {
		return false;
	}
	return grantee == ACL_USER ? ret->person.id.n > 0
	                           : ret->person.id.n == 0 && ret->person.name.n == 0;
}

enum err acl_read_owner(struct bytes text, struct acl_person *ret)
{
	struct reader r = reader_of(text);
	uint8_t version = read_u8(&r);
	ret->id = read_lv16(&r, ID_MAX_BYTES);
	ret->name = read_lv16(&r, NAME_MAX_BYTES);
	return r.bad || version != FORM_VERSION || ret->id.n == 0 ? ERR_CORRUPT : OK;
}

enum err acl_read(struct arena *a, struct bytes text, struct acl *ret)
{
	struct acl_person owner;
	struct acl acl;
	TRY(acl_read_owner(text, &owner));
	struct reader r = reader_of(bytes_skip(text, 1 + 2 + owner.id.n + 2 + owner.name.n));
	uint16_t n = read_u16(&r);
	if (r.bad || n > ACL_GRANTS_MAX) {
		return ERR_CORRUPT;
	}
	TRY(make(a, owner, n, &acl));
	for (; acl.n < n; acl.n++) {
		struct acl_grant *grant = &acl.grants[acl.n];
		if (!read_grant(&r, grant) ||
		    (acl.n > 0 && !is_person(grant->grantee) && is_person(grant[-1].grantee))) {
			return ERR_CORRUPT;
		}
	}
	if (read_end(&r) != OK) {
		return ERR_CORRUPT;
	}
	*ret = acl;
	return OK;
}

static bool covers(const struct acl_grant *grant, struct bytes canonical_id, bool ignore_public)
{
	switch (grant->grantee) {
	case ACL_USER: return canonical_id.n > 0 && bytes_equal(grant->person.id, canonical_id);
	case ACL_ALL_USERS: return !ignore_public;
	case ACL_AUTHENTICATED: return !ignore_public && canonical_id.n > 0;
	case ACL_LOG_DELIVERY:
	case ACL_EMAIL: return false;
	}
	return false;
}

bool acl_permits(const struct acl *acl, struct bytes canonical_id, enum acl_permission permission,
                 bool ignore_public)
{
	unsigned granted = 0;
	for (size_t i = 0; i < acl->n; i++) {
		if (covers(&acl->grants[i], canonical_id, ignore_public)) {
			granted |= acl->grants[i].permission;
		}
	}
	return permission != 0 && (granted & permission) == permission;
}

bool acl_is_public(const struct acl *acl)
{
	for (size_t i = 0; i < acl->n; i++) {
		if (acl->grants[i].grantee == ACL_ALL_USERS ||
		    acl->grants[i].grantee == ACL_AUTHENTICATED) {
			return true;
		}
	}
	return false;
}
