/* What of stdio.h programs in QEMU need, by semihosting: in.bin is the input,
 * out.bin the output. */
#ifndef EMULATOR_STDIO_H
#define EMULATOR_STDIO_H
#include <stddef.h>

typedef long FILE;
extern FILE emulator_files[2];
#define stdin (&emulator_files[0])
#define stdout (&emulator_files[1])

size_t fread(void *p, size_t size, size_t n, FILE *file);
size_t fwrite(const void *p, size_t size, size_t n, FILE *file);
void perror(const char *text);
void emulator_print(const char *text); /* on the emulator's console */

#endif
