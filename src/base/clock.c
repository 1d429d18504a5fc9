// SPDX-License-Identifier: LGPL-2.1-or-later
/* Time; see clock.h. */
#include "base/clock.h"

_Thread_local uint64_t clock_noted;
