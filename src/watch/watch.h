/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who remembers an open file.
 *
 * One interface, several backends, one file each: struct watch_backend is data, the registry in
 * watch.c knows them all, best first. A backend is chosen by trying it, and can be forced by name.
 *
 * A look is a snapshot. Other threads of the target may register the file the moment after; who needs
 * certainty looks again until nothing new is found.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/caller.h"

/* One epoll registration of the file. */
struct watch_item {
	int epoll_number; /* a number of the epoll instance in the target's table */
	int number;	  /* the number that the item was added under; epoll's key with the file */
	uint32_t events;  /* the mask, private bits (EPOLLET and the like) included */
	uint64_t data;
};

/* What a look found. Numbers are of the target's table. Starts zeroed; the arrays grow and are reused. */
struct watch_report {
	struct watch_item *items;
	size_t item_count, item_room;
	int *duplicates; /* further numbers of the same open file, the one asked about left out */
	size_t duplicate_count, duplicate_room;
	long references; /* to the open file, ours included; -1: this backend cannot tell */
	const char *beyond; /* what was seen and cannot be repaired, or NULL; static text */
};

struct watch;

struct watch_backend {
	const char *name;
	const char *needs; /* for people: what it takes */
	/* Whether it works here, found by using it. 0, or a negative errno. */
	int (*open)(struct watch **ret);
	void (*close)(struct watch *watch);
	/* See watch_look(). */
	int (*look)(struct watch *watch, const struct caller *caller, int number, int file,
		    struct watch_report *report);
};

struct watch {
	const struct watch_backend *backend;
};

/**
 * watch_open() - choose a backend.
 * @name: its name, or NULL for the best that works
 *
 * Return: 0; -ENOENT: no backend of that name; or the errno for which the named one does not work here.
 */
int watch_open(const char *name, struct watch **ret);
void watch_close(struct watch *watch);

/**
 * watch_backend_at() - the backends, best first; NULL past the last.
 */
const struct watch_backend *watch_backend_at(size_t index);

/**
 * watch_look() - who remembers the open file that stands at a number of the caller's table.
 * @file: our duplicate of it
 * @report: cleared and filled
 *
 * Return: 0; -EPERM, -EACCES: not ours to look at; -ENOENT: the caller is gone; -ENOMEM, -EMFILE.
 */
int watch_look(struct watch *watch, const struct caller *caller, int number, int file,
	       struct watch_report *report);

/* For backends: append. Return 0 or -ENOMEM. */
int watch_report_item(struct watch_report *report, const struct watch_item *item);
int watch_report_duplicate(struct watch_report *report, int number);
void watch_report_free(struct watch_report *report);

extern const struct watch_backend watch_procfs;
