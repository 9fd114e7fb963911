/* Where the test prints: standard output here, the serial port of an emulated CPU in emulator/. */
#ifndef TEST_PRINT_H
#define TEST_PRINT_H

void test_print(const char* text);

#endif
