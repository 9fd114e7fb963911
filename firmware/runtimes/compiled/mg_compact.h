/* Code that prepares or walks is compiled for size: the time is in the loops that come before this
 * header. Included behind all others. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif
