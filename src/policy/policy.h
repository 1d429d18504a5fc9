/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which connections are changed, and into what.
 *
 * A policy is a list of rules. The rule with the longest destination prefix decides; among equals
 * the narrower port range, then a rule that names a protocol before one that does not, then the
 * first. Where no rule matches, the default does. Special-use destinations (127.0.0.0/8, 0.0.0.0/8,
 * 169.254.0.0/16, 224.0.0.0/4, 240.0.0.0/4) pass unless a rule names a prefix within them: a rule
 * of 127.0.0.0/8 or longer counts, 0.0.0.0/0 does not.
 *
 * Nothing here touches a socket or another process; deciding allocates nothing.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_action {
	POLICY_PASS,   /* leave the call alone */
	POLICY_MAP,    /* to IPv6, the IPv4 address embedded in a prefix (RFC 6052) */
	POLICY_TO,     /* to another address and, optionally, another port */
	POLICY_NETNS,  /* same address, socket made in another network namespace */
	POLICY_REJECT, /* connect fails with an errno */
};

enum policy_proto {
	POLICY_PROTO_ANY,
	POLICY_PROTO_TCP, /* stream sockets: IPPROTO_TCP and IPPROTO_MPTCP */
	POLICY_PROTO_UDP,
};

/* An RFC 6052 prefix: 32, 40, 48, 56, 64 or 96 bits. */
struct policy_prefix6 {
	struct in6_addr addr;
	unsigned int bits;
};

/* One rule, as read. Numbers are in host byte order, addresses in network byte order. */
struct policy_rule {
	struct in_addr dest;
	unsigned int dest_bits;
	uint16_t port_low, port_high; /* inclusive; 0-65535 is every port */
	enum policy_proto proto;
	enum policy_action action;

	struct policy_prefix6 map;	  /* POLICY_MAP */
	int to_family;			  /* POLICY_TO: AF_INET or AF_INET6 */
	struct in_addr to4;
	struct in6_addr to6;
	uint16_t to_port;		  /* 0: the port that was asked for */
	char *netns;			  /* POLICY_NETNS: a path, or "self"; owned by the policy */
	int reject_errno;		  /* POLICY_REJECT: positive */

	bool has_local;			  /* the local address that the program is shown */
	struct in_addr local;

	unsigned int index;		  /* place in the policy, from 0 */
	char *text;			  /* as a person would write it; owned by the policy */
};

struct policy;

/* Why a policy could not be read: one line for a person, with file and line where there is one. */
struct policy_error {
	char text[512];
};

/* What to do about one destination. Filled by policy_decide(). */
struct policy_decision {
	enum policy_action action;
	const struct policy_rule *rule; /* NULL: the default, or a special-use address */
	const char *why;		/* static text: "rule", "default", "special-use address" */
	int family;			/* family of the new destination: AF_INET or AF_INET6 */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} dest; /* POLICY_MAP, POLICY_TO, POLICY_NETNS: where to connect, port in network order */
	const char *netns;		/* POLICY_NETNS: path or "self"; else NULL */
	int reject_errno;
};

/**
 * policy_new() - an empty policy whose default is pass.
 * @ret: receives the policy; release with policy_free()
 *
 * Return: 0 or -ENOMEM.
 */
int policy_new(struct policy **ret);
void policy_free(struct policy *policy);
void policy_freep(struct policy **policy);

/**
 * policy_add() - add one rule in the words of the command line.
 * @action: what the rule does
 * @text: DEST[:PORT[-PORT]]=VALUE for map, to, netns; DEST[:PORTS][=ERRNO] for reject (default
 *	ECONNREFUSED); DEST[:PORTS] for pass. DEST is an IPv4 address or prefix. Before it tcp/ or
 *	udp/ may stand. VALUE: map: an IPv6 prefix; to: 192.0.2.1, 192.0.2.1:80, 2001:db8::1,
 *	[2001:db8::1]:80; netns: a path or self.
 * @error: receives the reason on -EINVAL; says what was expected
 *
 * Return: 0, -EINVAL (see @error) or -ENOMEM.
 */
int policy_add(struct policy *policy, enum policy_action action, const char *text,
	       struct policy_error *error);

/**
 * policy_add_file() - add the rules of a YAML file, reseat.yaml(5); "-" is standard input.
 *
 * All of the file is added or, on failure, nothing; what a file says outside of its rules replaces
 * what was set before.
 *
 * Return: 0, -EINVAL (see @error: file, line, what was expected), -ENOMEM, or the negative errno of
 * opening and reading the file (@error is set then, too).
 */
int policy_add_file(struct policy *policy, const char *path, struct policy_error *error);

/**
 * policy_add_yaml() - the same from memory, as for a policy that a container runtime hands over.
 * @name: what messages call the text in place of a file name
 * @text: need not end in a null byte
 *
 * Return: 0, -EINVAL or -ENOMEM, as policy_add_file().
 */
int policy_add_yaml(struct policy *policy, const char *name, const char *text, size_t length,
		    struct policy_error *error);

/**
 * policy_set_default() - what happens to destinations that no rule names: "pass", "reject" or
 * "reject:ERRNO".
 *
 * Return: 0 or -EINVAL (see @error).
 */
int policy_set_default(struct policy *policy, const char *text, struct policy_error *error);

/**
 * policy_set_local() - the local IPv4 address that programs are shown for a connection that runs
 * over IPv6; without it 192.0.0.2 (RFC 7335).
 */
int policy_set_local(struct policy *policy, const char *text, struct policy_error *error);

/* Choices between what is usual and one other thing, by the name of the other. */
enum policy_setting {
	/* landlock: connects of processes that restricted their own network with Landlock are
	 * left alone; or treated as any. */
	POLICY_LANDLOCK_SWAP,
	/* io_uring: no process can make a ring; or it can, and what it does there is out of reach. */
	POLICY_IO_URING_ALLOW,
	/* shared: a socket that another process has as well is swapped all the same, for this one; or
	 * passes. */
	POLICY_SHARED_PASS,
	/* udp_queued: a datagram socket with datagrams to be read keeps them, and passes; or loses them
	 * and is swapped. */
	POLICY_UDP_QUEUED_DROP,
	/* udp_send: datagrams sent to an address without connect are left alone; or go where a
	 * connect would. */
	POLICY_UDP_SEND_SWAP,
	/* recvmsg: what recvmsg(2) and recvmmsg(2) tell of a datagram's source is the kernel's; or
	 * translated, as for recvfrom(2). */
	POLICY_RECVMSG_TRANSLATE,
	POLICY_SETTING_COUNT,
};

/**
 * policy_setting_key() - a setting's name in a policy file; on the command line, with - for _.
 */
const char *policy_setting_key(enum policy_setting setting);

/**
 * policy_has() - whether a setting departs from what is usual.
 */
bool policy_has(const struct policy *policy, enum policy_setting setting);

/**
 * policy_set() - choose, by one of the setting's two words.
 *
 * Return: 0 or -EINVAL (see @error).
 */
int policy_set(struct policy *policy, enum policy_setting setting, const char *text,
	       struct policy_error *error);

/**
 * policy_discover() - find the network's NAT64 prefix as RFC 7050 says (AAAA of ipv4only.arpa) and
 * add 0.0.0.0/0=PREFIX.
 *
 * Asks the system's resolver and waits for it. Return: 0; -ENOENT where the network announces none
 * (@error says so and how to name one); another negative errno.
 */
int policy_discover(struct policy *policy, struct policy_error *error);

size_t policy_count(const struct policy *policy);
const struct policy_rule *policy_rule(const struct policy *policy, size_t index);

/**
 * policy_changes_peer() - whether any rule can give a socket another peer than was asked for, and with it
 * perhaps another family.
 * @proto: of sockets of that protocol; POLICY_PROTO_ANY: of any
 */
bool policy_changes_peer(const struct policy *policy, enum policy_proto proto);

/**
 * policy_moves_inet() - whether any rule gives an AF_INET socket another peer and leaves it AF_INET.
 */
bool policy_moves_inet(const struct policy *policy);

/* Warnings about the policy as a whole (private addresses under 64:ff9b::/96, RFC 6052 section 3.1;
 * a rule that can never decide), one line each, through @report. */
void policy_warn(const struct policy *policy, void (*report)(void *context, const char *line),
		 void *context);

/**
 * policy_decide() - what to do about a connect to an IPv4 destination.
 * @dest: family AF_INET; port in network order
 * @proto: POLICY_PROTO_TCP or POLICY_PROTO_UDP
 * @ret: is filled in whole; points into @policy
 */
void policy_decide(const struct policy *policy, const struct sockaddr_in *dest,
		   enum policy_proto proto, struct policy_decision *ret);

/* What policy_reverse() found. */
enum policy_reversed {
	POLICY_REVERSED,	   /* the one destination that leads there */
	POLICY_REVERSED_AMBIGUOUS, /* several do; @ret is one of them (POLICY_TO from a prefix or a
				    * range of ports) */
	POLICY_NOT_REVERSED,	   /* nothing in this policy leads there */
};

/**
 * policy_reverse() - the IPv4 destination that a program asked for, from the address that its
 * socket is connected to: the inverse of policy_decide() for rules that change the peer.
 * @peer: where the socket is connected to; family AF_INET6, an IPv4 peer in its mapped form
 * @ret: receives the IPv4 destination
 * @ret_local: receives the local address to show (the rule's, the policy's or 192.0.0.2)
 *
 * A candidate counts only if policy_decide() of it gives @peer again. Among several, one that is
 * the only one of its rule goes before one of many. Nothing is written for POLICY_NOT_REVERSED.
 */
enum policy_reversed policy_reverse(const struct policy *policy, const struct sockaddr_in6 *peer,
				    enum policy_proto proto, struct sockaddr_in *ret,
				    struct in_addr *ret_local);

/* The local address that a program is shown where no rule gives another. */
struct in_addr policy_local(const struct policy *policy);

/* RFC 6052, section 2.2: embed, and take out again (false where @addr is not under @prefix, or the
 * bits 64 to 71 or the suffix are not zero). @prefix->bits is one of the six. */
void rfc6052_embed(const struct policy_prefix6 *prefix, struct in_addr addr, struct in6_addr *ret);
bool rfc6052_extract(const struct policy_prefix6 *prefix, const struct in6_addr *addr,
		     struct in_addr *ret);

/* A name for messages: "pass", "map", ... */
const char *policy_action_name(enum policy_action action);
