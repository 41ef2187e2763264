/* JSON, byte by byte: where a message ends, and whether it is a usual one (_core.c says which are).
 *
 * A zero byte stands behind what is read, so that no step has to look whether it is the last one.
 */
#include <stdint.h>
#include <string.h>

enum { DEEPEST = 64 }; /* levels of a message: bits of Scan.objects */

enum { VALUE, FIRST, NAME, FIRST_NAME, COLON, TEXT, NAME_TEXT, ESCAPED, NAME_ESCAPED, BEHIND,
       MINUS, ZERO, DIGITS, POINT, FRACTION, LITERAL };

typedef struct {
    uint64_t objects;    /* a bit for each open level, the innermost last: whether it is an object */
    const char *literal; /* what must follow of true, false or null */
    int depth, state;
} Scan;

#define IS_SPACE(c) ((c) == ' ' || (c) == '\t')
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_SHORT_ESCAPE(c) ((c) != 0 && strchr("\"\\/bfnrt", (c)) != NULL) /* no \u: that could be any letter */
static unsigned char is_text[256]; /* what may stand in a string here */

/* The end of what may stand in a string; what is long is read eight bytes at a time. */
static inline const unsigned char *behind_text(const unsigned char *p, const unsigned char *end) {
#define STEP if (!is_text[*p]) return p; p++
    STEP; STEP; STEP; STEP; STEP; STEP; STEP; STEP;
    STEP; STEP; STEP; STEP; STEP; STEP; STEP; STEP;
    const uint64_t ones = ~0ull / 255, high = ones << 7;
    for (uint64_t eight; end - p >= 8; p += 8) {
        memcpy(&eight, p, 8);
        uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';
        if (((eight - ones * 0x20) | (eight + ones) | (quote - ones) | (slash - ones) | eight) & high) break;
    }
    while (is_text[*p])
        p++;
    return p;
}

static void init_scan(void) {
    for (int c = 0x20; c < 0x7f; c++)
        is_text[c] = c != '"' && c != '\\';
}

/* Reads on at `p`: 1 behind a message's end, 0 at `end` within a message, -1: unusual. */
static int scan_on(Scan *scan, const unsigned char *p, const unsigned char *end, const unsigned char **behind) {
#define NEXT(name) case name: s.state = name; c = *p++
    Scan s = *scan;
    unsigned char c;
    switch (s.state) {
    name: NEXT(NAME);
        if (IS_SPACE(c)) goto name;
        if (c != '"') goto unusual;
    name_text: NEXT(NAME_TEXT);
        p = behind_text(p - 1, end);
        if ((c = *p++) == '\\') goto name_escaped;
        if (c != '"') goto unusual;
    colon: NEXT(COLON);
        if (IS_SPACE(c)) goto colon;
        if (c != ':') goto unusual;
    value: NEXT(VALUE);
        if (IS_SPACE(c)) goto value;
    any_value:
        if (c == '"') goto text;
        if (c == '{' || c == '[') {
            if (s.depth++ == DEEPEST) goto unusual;
            s.objects = s.objects << 1 | (c == '{');
            if (c == '{') goto first_name;
            goto first;
        }
        if (c == '0') goto zero;
        if (IS_DIGIT(c)) goto digits;
        if (c == '-') goto minus;
        if (c != 't' && c != 'f' && c != 'n') goto unusual;
        s.literal = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    literal: NEXT(LITERAL);
        if (c != (unsigned char)*s.literal) goto unusual;
        if (*++s.literal) goto literal;
        goto next;
    text: NEXT(TEXT);
        p = behind_text(p - 1, end);
        if ((c = *p++) == '\\') goto escaped;
        if (c != '"') goto unusual;
    next: NEXT(BEHIND);
    behind:
        if (c == ',') {
            if (s.objects & 1) goto name;
            goto value;
        }
        if (IS_SPACE(c)) goto next;
        if (c != '}' && c != ']') goto unusual;
    close:
        if ((c == '}') != (int)(s.objects & 1)) goto unusual;
        s.objects >>= 1;
        if (--s.depth) goto next;
        *scan = (Scan){.state = VALUE};
        *behind = p;
        return 1;
    escaped: NEXT(ESCAPED);
        if (IS_SHORT_ESCAPE(c)) goto text;
        goto unusual;
    name_escaped: NEXT(NAME_ESCAPED);
        if (IS_SHORT_ESCAPE(c)) goto name_text;
        goto unusual;
    first_name: NEXT(FIRST_NAME);
        if (c == '"') goto name_text;
        if (c == '}') goto close;
        if (IS_SPACE(c)) goto first_name;
        goto unusual;
    first: NEXT(FIRST);
        if (c == ']') goto close;
        if (IS_SPACE(c)) goto first;
        goto any_value;
    minus: NEXT(MINUS);
        if (c == '0') goto zero;
        if (!IS_DIGIT(c)) goto unusual;
    digits: NEXT(DIGITS);
        if (IS_DIGIT(c)) goto digits;
        if (c == '.') goto point;
        goto behind;
    zero: NEXT(ZERO);
        if (c == '.') goto point;
        goto behind;
    point: NEXT(POINT);
        if (!IS_DIGIT(c)) goto unusual;
    fraction: NEXT(FRACTION);
        if (IS_DIGIT(c)) goto fraction;
        goto behind;
    }
unusual:
    if (p <= end) return -1;
    *scan = s;
    return 0;
#undef NEXT
}
