/* rempart-audit: the auditor's own tool. Reads a copy of the log and a key; opens no socket, runs no server code. */
#include <stdio.h>
#include <string.h>

#include "client/auditor/commands.h"
#include "common/base/attr.h"

#ifndef REMPART_VERSION
#define REMPART_VERSION "0.1.0"
#endif

struct command {
	const char *name;
	int (*run)(char **argv);
	const char *usage;
};

static const struct command commands[] = {
	{"verify", command_verify,
	 "--log FOLDER --key VKEYFILE [--since-checkpoint FILE] [--now TIME] [--json]\n"
	 "      recompute the whole log and check the signature"},
	{"show", command_show,
	 "--log FOLDER [--event E] [--result R] [--principal P] [--tenant T] [--op O]\n"
	 "      [--from TIME] [--to TIME] [--json]\n"
	 "      print entries, as found"},
	{"find", command_find,
	 "--log FOLDER --token-key HEXFILE --bucket B [--key K --object-id HEX] [--json]\n"
	 "      print the entries of a bucket or an object, for who holds the token key"},
	{"prove", command_prove,
	 "--log FOLDER --key VKEYFILE --entry NUMBER\n"
	 "      print a proof of one entry that needs no log to be checked (.tlog-proof)"},
	{"check", command_check,
	 "--proof FILE --key VKEYFILE [--json]\n"
	 "      verify such a proof and print its entry"},
};

int command_trouble(const char *text)
{
	fprintf(stderr, "rempart-audit: %s\n", text);
	return EXIT_TROUBLE;
}

static int print_help(FILE *to, int code)
{
	fputs("usage: rempart-audit COMMAND OPTIONS\n\n", to);
	for (size_t i = 0; i < COUNT(commands); i++) {
		fprintf(to, "  %s %s\n", commands[i].name, commands[i].usage);
	}
	fputs("\nEvery command: --lang en|fr (else LC_ALL, LC_MESSAGES, LANG). TIME: 2026-11-23 or\n"
	      "2026-11-23T13:30:00Z. Exit code: 0 good, 1 the log does not verify, 2 usage or I/O.\n"
	      "See rempart-audit(1).\n", to);
	return code;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		return print_help(stderr, EXIT_TROUBLE);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		return print_help(stdout, EXIT_GOOD);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("rempart-audit " REMPART_VERSION);
		return EXIT_GOOD;
	}
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argv + 2);
		}
	}
	command_trouble("no such command");
	return print_help(stderr, EXIT_TROUBLE);
}
