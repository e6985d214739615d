import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';
import { requireAdministrator } from './key-scope';

/** Lets only the superuser's keys pass. It trusts the identity that the front put on the request and nothing else. */
export class SuperuserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { identity } = context.switchToHttp().getRequest<{ identity?: Identity | null }>();
    if (!identity) throw new CallfsError('PERMISSION_DENIED', 'Only a superuser key may do this: one of auth.api_keys.');
    requireAdministrator(identity);
    return true;
  }
}
