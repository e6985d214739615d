/** Below it a URL names a path of the tree. */
export const FILES_PREFIX = '/v1/files/';
/** The pattern of its routes, for what comes past the router. */
export const FILES_ROUTE = '/v1/files/*';
