/* The path of an entry to the root, from the hash tiles of a log. */
#ifndef REMPART_AUDITOR_PATH_H
#define REMPART_AUDITOR_PATH_H
#include "client/auditor/logdir.h"

/* path_read: append the hashes to w, the leaf's sibling first. What the files say is not checked
 * here: see tree_check_inclusion.  errors: NOTFOUND, CORRUPT (a tile of the wrong size), IO, LIMIT
 * (w), INPUT (index >= size) */
enum err path_read(int dir, uint64_t index, uint64_t size, struct writer *w);
#endif
