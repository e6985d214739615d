export { AuthModule, type AuthModuleOptions, type AuthOptions } from './auth.module';
export { Authenticator } from './authenticator';
export type { Identity } from './identity';
export { keyEnded } from './key-ended';
export {
  isScopeWithin,
  KEY_VERBS,
  requireAdministrator,
  requireVerb,
  requireWithin,
  type KeyScope,
  type KeyVerb,
} from './key-scope';
export { digestKey, isKeyId, ISSUED_KEY_PREFIX, keyIdOf, keyIdsOf, type KeyDigest, type KeyEntry } from './key-table';
export type { OwnerNames } from './permission-denied';
export { SuperuserGuard } from './superuser.guard';
export { UnixAuthorizer, type OwnerChanges, type RenameJudgement } from './unix-authorizer';
