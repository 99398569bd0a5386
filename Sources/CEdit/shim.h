// What Swift needs of libedit: its header, and a static inline wrapper for each variadic function.
#ifndef NETCHAT_CEDIT_SHIM_H
#define NETCHAT_CEDIT_SHIM_H
#include <stdio.h>
#include <histedit.h>
#endif
