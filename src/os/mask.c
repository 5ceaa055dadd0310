#include "os/mask.h"

#include <sys/stat.h>

mode_t mask_read(void)
{
    const mode_t mask = umask(0);
    umask(mask);
    return mask;
}
