/* QuickJS asks for this header; the C library has the function but not the header. */
#include <stddef.h>
size_t malloc_usable_size(void *pointer);
