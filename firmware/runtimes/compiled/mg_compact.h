/* What comes behind this header is compiled for size: it prepares or walks. Loops that take the
 * time come before it. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif
