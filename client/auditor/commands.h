/* The commands of rempart-audit. Each gets what stands behind its name and gives the exit code. */
#ifndef REMPART_AUDITOR_COMMANDS_H
#define REMPART_AUDITOR_COMMANDS_H
enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_TROUBLE = 2 };
int command_verify(char **argv);
int command_show(char **argv);
int command_find(char **argv);
int command_prove(char **argv);
int command_check(char **argv);
/* command_trouble: "rempart-audit: text" on standard error. Gives EXIT_TROUBLE. */
int command_trouble(const char *text);
#endif
