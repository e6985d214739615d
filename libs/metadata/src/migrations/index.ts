import { Tree1763900000000 } from './1-tree.migration';
import { Cluster1764201000000 } from './2-cluster.migration';
import { Links1764202000000 } from './3-links.migration';
import { Uploads1764203000000 } from './4-uploads.migration';
import { Keys1764204000000 } from './5-keys.migration';
import { Audit1764205000000 } from './6-audit.migration';
import { Collect1764206000000 } from './7-collect.migration';
import { TreeFunctions1764209000000 } from './9-tree-functions.migration';
import { CopiesUnlocked1764210000000 } from './10-copies-unlocked.migration';
import { PlannedFunctions1764211000000 } from './11-planned-functions.migration';
import { SmallWrites1764212000000 } from './12-small-writes.migration';
import { StoreIdentity1764213000000 } from './13-store-identity.migration';
import { LateCommits1764214000000 } from './14-late-commits.migration';
import { KeyParents1764215000000 } from './15-key-parents.migration';
import { OrderedContents1764216000000 } from './16-ordered-contents.migration';
import { AdoptedPlaces1764217000000 } from './17-adopted-places.migration';
import { LinksOfUsers1764218000000 } from './18-links-of-users.migration';

/** In the order in which they run; each carries the time of its making in its name, as TypeORM wants it. */
export const MIGRATIONS = [
  Tree1763900000000,
  Cluster1764201000000,
  Links1764202000000,
  Uploads1764203000000,
  Keys1764204000000,
  Audit1764205000000,
  Collect1764206000000,
  TreeFunctions1764209000000,
  CopiesUnlocked1764210000000,
  PlannedFunctions1764211000000,
  SmallWrites1764212000000,
  StoreIdentity1764213000000,
  LateCommits1764214000000,
  KeyParents1764215000000,
  OrderedContents1764216000000,
  AdoptedPlaces1764217000000,
  LinksOfUsers1764218000000,
];
