/* Time. Pure modules take it as an argument; these are for the programs. */
#ifndef REMPART_BASE_CLOCK_H
#define REMPART_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_real_ms(void); /* milliseconds since 1970, UTC */
uint64_t clock_real_ns(void); /* nanoseconds since 1970, UTC */
uint64_t clock_mono_ms(void); /* for deadlines and intervals; never goes back */
uint64_t clock_mono_us(void);

#endif
