/**
 * Pages that a connection keeps for itself, as a pragma: 8 MiB, enough for the inner pages of a million files. The others
 * come from the page cache of the system, which all connections share and which gives way when memory is short.
 */
export const PAGE_CACHE = 'cache_size = -8192';
