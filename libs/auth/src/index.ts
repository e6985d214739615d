export { AuthModule, type AuthModuleOptions, type AuthOptions } from './auth.module';
export { Authenticator } from './authenticator';
export type { Identity } from './identity';
export type { KeyEntry } from './key-table';
export { SuperuserGuard } from './superuser.guard';
export { UnixAuthorizer, type OwnerNames, type RenameJudgement } from './unix-authorizer';
