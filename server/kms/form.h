/* Did the user sign this form? The signature of its policy, and whether the policy allows what the fields say. */
#ifndef REMPART_KMS_FORM_H
#define REMPART_KMS_FORM_H
#include "common/kmsproto/kmsproto.h"
#include "common/sigv4/post.h"
#include "server/kms/kms.h"

/* form_judge: of a signed form. The signature first: nobody's document is parsed. *ret_why says in words what a refusal is about, for the log; NULL
 * where the verdict says it all. UNAVAILABLE: memory. Uses the scratch arena. */
enum kmsproto_verdict form_judge(struct kms *k, const struct post *p, struct principal *who,
                                 uint64_t now_ms, const char **ret_why);

#endif
