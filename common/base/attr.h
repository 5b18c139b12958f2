/* Compiler attributes, in one place so that the rest is plain C. */
#ifndef REMPART_BASE_ATTR_H
#define REMPART_BASE_ATTR_H

/* AUTO(fn): run fn(&variable) when the variable leaves its scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))
#define UNUSED   __attribute__((unused))
#define NORETURN __attribute__((noreturn))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
