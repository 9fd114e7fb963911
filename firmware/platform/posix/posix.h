// What a program on POSIX needs besides platform.h: its serial port is a pair of file descriptors.
#pragma once

#include <stddef.h>

// Runs the application until its serial input ends: setup() once, and loop() over and over.
void posix_run(int fd_in, int fd_out);

// How many received bytes platform_read() would give.
size_t posix_available();

// Hands over what was written.
void posix_flush();
