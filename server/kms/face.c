#include "server/kms/face.h"

#include <stdlib.h>

enum err face_begin(struct exchange *x, size_t body_max, size_t answer_max,
                    struct face_state **ret)
{
	struct face_state *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return ERR_NOMEM;
	}
	s->body = writer_growing(body_max);
	s->answer = writer_growing(answer_max);
	exchange_set_state(x, s);
	*ret = s;
	return OK;
}

void face_again(struct face_state *s, size_t answer_max)
{
	writer_free(&s->answer);
	s->answer = writer_growing(answer_max);
}

void face_release(struct exchange *x)
{
	struct face_state *s = exchange_state(x);

	if (s != NULL) {
		writer_free(&s->body);
		writer_free(&s->answer);
		free(s);
	}
}
