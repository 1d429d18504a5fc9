/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saying what epoll instances report. */
#pragma once

#include <sys/epoll.h>

#include "scenario.h"

int epoll(void);
/* epoll_ctl(2); the result is said. */
int say_add(int ep, int fd, uint32_t events, uint64_t data);
int say_mod(int ep, int fd, uint32_t events, uint64_t data);
int say_del(int ep, int fd);
/* The same, and it has to work. */
void add(int ep, int fd, uint32_t events, uint64_t data);

/* What is ready now: "NAME: none" or "NAME: 0xDATA OUT", in the order of the data. */
void say_ready(const char *what, int ep);
/* Wait until something is ready, and say all that is. */
void say_wait(const char *what, int ep);
/* "NAME quiet: yes": nothing becomes ready for a while. */
void say_quiet(const char *what, int ep);
/* The items of an instance as fdinfo gives them: "NAME items: 5 OUT ET 0xDATA", by number. */
void say_items(const char *what, int ep);
