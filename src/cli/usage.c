// SPDX-License-Identifier: GPL-2.0-or-later
/* What --help prints; reseat(1) has the whole of it. */
#include "cli/usage.h"

void usage_reseat(FILE *file)
{
	fputs("Usage: reseat run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "       reseat observe [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "       reseat check [--options]\n"
	      "       reseat policy test [--proto tcp|udp] POLICY ADDRESS:PORT\n"
	      "       reseat --help | --version\n"
	      "\n"
	      "Changes the socket under a running program's descriptor at connect(2).\n"
	      "\n"
	      "  run      run a program whose IPv4 connections go where the rules say\n"
	      "  observe  run a program as it is, and report what the rules would have done\n"
	      "  check    what this machine and user can do, each feature tried\n"
	      "  policy   what a policy does to a destination\n"
	      "\n"
	      "'reseat COMMAND --help' and reseat(1) say more.\n",
	      file);
}

/* Of run and observe. */
static void usage_options(FILE *file)
{
	fputs("Rules, which may be repeated; DEST is an IPv4 address or prefix, tcp/ or udp/ before it:\n"
	      "  --map DEST[:PORT]=PREFIX          to IPv6, embedded in PREFIX (RFC 6052)\n"
	      "  --to DEST[:PORT]=ADDRESS[:PORT]   to another address\n"
	      "  --netns DEST[:PORT]=PATH|self     from another network namespace\n"
	      "  --reject DEST[:PORT][=ERRNO]      the connect fails\n"
	      "  --pass DEST[:PORT]                the connect is left alone\n"
	      "  --policy FILE                     rules from a file, reseat.yaml(5)\n"
	      "Without any rule the network's NAT64 prefix is looked for (RFC 7050).\n"
	      "\n"
	      "  --default ACTION                  where no rule matches: pass, reject, reject:ERRNO\n"
	      "  --local ADDRESS                   local IPv4 address shown to the program (192.0.0.2)\n"
	      "  --landlock=pass|swap              for programs that restrict their own network (pass)\n"
	      "  --io-uring=deny|allow             whether COMMAND can make an io_uring (deny)\n"
	      "  --shared=swap|pass                for sockets that another process has as well (swap)\n"
	      "  --udp-queued=keep|drop            for datagrams that wait when UDP connects (keep)\n"
	      "  --udp-send=pass|swap              for datagrams that are sent without connect (pass)\n"
	      "  --recvmsg=pass|translate          for what recvmsg(2) tells of a source (pass)\n"
	      "  --trace[=text|json]               one line for each connect, on standard error\n"
	      "  --trace-output FILE               append the trace to FILE\n"
	      "  --watch-backend NAME              how watchers are found (RESEAT_WATCH_BACKEND)\n",
	      file);
}

void usage_run(FILE *file)
{
	fputs("Usage: reseat run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "\n",
	      file);
	usage_options(file);
	fputs("  --origins PATH                    share sockets' original destinations with other reseats,\n"
	      "                                    under a name in a bpffs\n"
	      "  -h, --help                        this text\n"
	      "\n"
	      "Exit status: COMMAND's; 125 if reseat failed, 126 if COMMAND cannot be executed, 127 if\n"
	      "it was not found.\n",
	      file);
}

void usage_observe(FILE *file)
{
	fputs("Usage: reseat observe [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "\n"
	      "Runs COMMAND, changes nothing, and says at its end what 'reseat run' with the same options would\n"
	      "have done: for each program and rule the connects, exact or why not, and the time.\n"
	      "\n",
	      file);
	usage_options(file);
	fputs("  --report=text|json                how the report is written (text)\n"
	      "  --report-output FILE              write it to FILE; else to standard error\n"
	      "  -h, --help                        this text\n"
	      "\n"
	      "Exit status: as of 'reseat run'.\n",
	      file);
}

void usage_policy(FILE *file)
{
	fputs("Usage: reseat policy test [--proto tcp|udp] POLICY ADDRESS:PORT\n"
	      "\n"
	      "Says which rule of the file POLICY decides about a connection to ADDRESS:PORT, and what\n"
	      "would be done. Nothing is connected.\n"
	      "\n"
	      "Exit status: 0; 1 if POLICY has an error; 2 for a wrong command line.\n",
	      file);
}

void usage_check(FILE *file)
{
	fputs("Usage: reseat check [--options]\n"
	      "\n"
	      "Tries each feature of the kernel and each privilege that reseat uses, and says what a missing\n"
	      "one costs.\n"
	      "\n"
	      "  --options    say instead what becomes of each socket option set before connect\n"
	      "  -h, --help   this text\n"
	      "\n"
	      "Exit status: 0 if 'reseat run' works here, 1 if not, 2 for a wrong command line.\n",
	      file);
}
