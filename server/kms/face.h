/* What the faces share that take a whole body and give a whole answer: both are gathered here, and die with the request. */
#ifndef REMPART_KMS_FACE_H
#define REMPART_KMS_FACE_H
#include "server/net/httpd.h"

/* Both may hold a secret; a growing writer wipes what it frees. */
struct face_state {
	struct writer body;
	struct writer answer;
};

/* face_begin: an empty state for this exchange, which face_release frees. errors: NOMEM */
enum err face_begin(struct exchange *x, size_t body_max, size_t answer_max,
                    struct face_state **ret);
/* face_again: what the answer holds is wiped; it is written anew. */
void face_again(struct face_state *s, size_t answer_max);
/* face_release: the service's release step; an exchange without a state is fine. */
void face_release(struct exchange *x);

#endif
