import { Tree1763900000000 } from './1-tree.migration';

/** In the order in which they run; each carries the time of its making in its name, as TypeORM wants it. */
export const MIGRATIONS = [Tree1763900000000];
