import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { Authenticator } from './authenticator';
import type { KeyEntry } from './key-table';
import type { OwnerNames } from './permission-denied';
import { UnixAuthorizer } from './unix-authorizer';

export interface AuthOptions {
  readonly keys: readonly KeyEntry[];
  readonly names: OwnerNames;
}

export interface AuthModuleOptions {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<AuthOptions>['useFactory'];
}

const AUTH_OPTIONS = Symbol('AuthOptions');

/** Provides `Authenticator` and `UnixAuthorizer` everywhere. */
@Module({})
export class AuthModule {
  static registerAsync({ inject = [], useFactory }: AuthModuleOptions): DynamicModule {
    return {
      module: AuthModule,
      global: true,
      providers: [
        { provide: AUTH_OPTIONS, inject, useFactory },
        { provide: Authenticator, inject: [AUTH_OPTIONS], useFactory: ({ keys }: AuthOptions) => new Authenticator(keys) },
        { provide: UnixAuthorizer, inject: [AUTH_OPTIONS], useFactory: ({ names }: AuthOptions) => new UnixAuthorizer(names) },
      ],
      exports: [Authenticator, UnixAuthorizer],
    };
  }
}
