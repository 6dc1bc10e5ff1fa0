# The findings the kernel can make against a record. feedmill/codes.py is the public catalogue with the same
# numbers; tests/test_codes.py holds the two equal. If you add a code, add it in both, at the end: numbers are
# never reused.

cdef enum:
    OK = 0
    CODE_REQUIRED = 1
    CODE_UNIQUE = 2
    CODE_MIN_LENGTH = 3
    CODE_MAX_LENGTH = 4
    CODE_MINIMUM = 5
    CODE_MAXIMUM = 6
    CODE_EXCLUSIVE_MINIMUM = 7
    CODE_EXCLUSIVE_MAXIMUM = 8
    CODE_PATTERN = 9
    CODE_ENUM = 10
    CODE_JSON_SCHEMA = 11
    CODE_TYPE = 12
    CODE_FORMAT = 13
    CODE_CHECK_DIGIT = 14
    CODE_MISSING_CELL = 15
    CODE_EXTRA_CELL = 16
    CODE_UNCLOSED_QUOTE = 17
    CODE_BAD_QUOTE = 18
    CODE_ENCODING = 19
    CODE_RECORD_TOO_LONG = 20
    CODE_DUPLICATE_KEY = 21
    CODE_FOREIGN_KEY = 22
    CODE_UNKNOWN_DEALER = 23
    CODE_DATABASE = 24
    CODE_CALLBACK = 25
    CODE_NUL = 26
    CODE_RULE = 27
    CODE_COUNT = 28
