// What Swift needs of libedit: its header, and a static inline wrapper for each variadic function.
#ifndef NETCHAT_CEDIT_SHIM_H
#define NETCHAT_CEDIT_SHIM_H
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <wchar.h>
#include <wctype.h>

// Declared by <wchar.h> only under _XOPEN_SOURCE, which would change what this module shares with
// Swift's own.
extern int netchat_wcwidth(wchar_t scalar) __asm__("wcwidth");

// Makes the C library count columns in UTF-8, as the user's locale does or else as C.UTF-8 does; 0 if
// it cannot. Messages and numbers stay as they are.
static inline int netchat_use_utf8(void) {
  const char *names[] = {"", "C.UTF-8", "C.utf8"};
  for (int i = 0; i < 3; i++) {
    if (!setlocale(LC_CTYPE, names[i])) continue;
    const char *set = nl_langinfo(CODESET);
    if (set[0] == 'U' && set[1] == 'T' && set[2] == 'F' && set[3] == '-' && set[4] == '8') return 1;
  }
  return 0;
}

// Columns as libedit counts them: what it does not print as it is it writes out, ^X or \U+XXXX.
static inline int netchat_columns(wchar_t scalar) {
  if (scalar < 0x100 && iswcntrl((wint_t)scalar)) return 2;
  if (iswprint((wint_t)scalar)) {
    int width = netchat_wcwidth(scalar);
    return width > 0 ? width : 0;
  }
  return scalar > 0xFFFF ? 8 : 7;
}

static inline EditLine *netchat_el_init(const char *program) {
  return el_init(program, stdin, stdout, stderr);
}

// Into libedit's own stream, so that it stays in order with what libedit writes.
static inline int netchat_write(const char *bytes, size_t count) {
  return fwrite(bytes, 1, count, stdout) == count ? 0 : -1;
}
static inline int netchat_flush(void) { return fflush(stdout); }

typedef char *(*netchat_prompt)(EditLine *);
typedef unsigned char (*netchat_function)(EditLine *, int);

// A prompt with parts, between two of `mark`, that take no columns.
static inline int netchat_el_set_prompt(EditLine *el, netchat_prompt prompt, char mark) {
  return el_set(el, EL_PROMPT_ESC, prompt, mark);
}
static inline int netchat_el_set_number(EditLine *el, int option, int value) {
  return el_set(el, option, value);
}
static inline int netchat_el_set_text(EditLine *el, int option, const char *value) {
  return el_set(el, option, value);
}
static inline int netchat_el_set_reader(EditLine *el, el_rfunc_t reader) {
  return el_set(el, EL_GETCFN, reader);
}
static inline int netchat_el_set_history(EditLine *el, History *history_) {
  return el_set(el, EL_HIST, history, history_);
}
static inline int netchat_el_set_owner(EditLine *el, void *owner) {
  return el_set(el, EL_CLIENTDATA, owner);
}
static inline void *netchat_el_owner(EditLine *el) {
  void *owner = NULL;
  el_get(el, EL_CLIENTDATA, &owner);
  return owner;
}
static inline int netchat_el_add(EditLine *el, const char *name, netchat_function function) {
  return el_set(el, EL_ADDFN, name, name, function);
}
static inline int netchat_el_bind(EditLine *el, const char *key, const char *name) {
  return el_set(el, EL_BIND, key, name, NULL);
}
// In vi's command mode.
static inline int netchat_el_bind_other(EditLine *el, const char *key, const char *name) {
  return el_set(el, EL_BIND, "-a", key, name, NULL);
}
// Terminal settings between two lines.
static inline int netchat_el_set_terminal(EditLine *el, const char *setting) {
  return el_set(el, EL_SETTY, "-x", setting, NULL);
}
// One of the terminal's properties, by its name in termcap.
static inline int netchat_el_set_property(EditLine *el, const char *name, const char *value) {
  return el_set(el, EL_SETTC, name, value, NULL);
}
static inline int netchat_el_refresh(EditLine *el) { return el_set(el, EL_REFRESH); }
static inline const char *netchat_el_editor(EditLine *el) {
  const char *name = NULL;
  el_get(el, EL_EDITOR, &name);
  return name;
}
static inline int netchat_history_number(History *history_, int option, int value) {
  HistEvent event;
  return history(history_, &event, option, value);
}
static inline int netchat_history_text(History *history_, int option, const char *value) {
  HistEvent event;
  return history(history_, &event, option, value);
}
#endif
