import type { Identity } from '@callfs/auth';

/** Turns an `Authorization` header into whom it stands for; the token under which the app binds its authenticator. */
export abstract class RequestAuthenticator {
  /** `AUTHENTICATION_FAILED`, the same whatever was wrong. */
  abstract authenticate(authorization: string | undefined): Identity;
}
