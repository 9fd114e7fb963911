// What a program on POSIX needs besides platform.h: its serial port is a pair of file descriptors.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Runs the application until its serial input ends: setup() once, and loop() over and over.
void posix_run(int fd_in, int fd_out);

// How many received bytes platform_read() would give.
size_t posix_available();

// Puts a file in place of the sensor: time is then that of its values, and posix_run() ends with
// them. `trace`: what sensor_trace() writes; `axes`: values of one moment; `moments`: how many come
// at once, 0 for one that waits until it is read. Returns false where a file cannot be opened.
bool posix_feed(const char* values, const char* trace, unsigned axes, unsigned moments);
bool posix_is_fed();
uint64_t posix_fed_micros();

// Hands on the next values of the file; false after the last.
bool posix_feed_next();

// Hands over what was written.
void posix_flush();
