import { definitionOf, KEY_NAMES } from '../keys';
import type { Judgement } from './judgement';

export function judgeBackend({ values, isGiven, refuse, warn }: Judgement): void {
  // A key with a default may stand in a file that names every key.
  const set = KEY_NAMES.filter(
    (name) => name.startsWith('backend.s3.') && isGiven(name) && definitionOf(name).fallback === undefined,
  );
  if (!isGiven('backend.s3.bucket_name')) {
    if (values['backend.default_backend'] === 's3')
      refuse('backend.s3.bucket_name', 'is missing; backend.default_backend s3 needs it');
    else if (set[0] !== undefined) refuse('backend.s3.bucket_name', `is missing; ${set[0]} is set`);
  }
  const hasAccess = isGiven('backend.s3.access_key');
  if (hasAccess !== isGiven('backend.s3.secret_key')) {
    const [missing, there] = hasAccess ? (['secret_key', 'access_key'] as const) : (['access_key', 'secret_key'] as const);
    refuse(`backend.s3.${missing}`, `is missing; backend.s3.${there} is set: expected both, or neither`);
  }
  if (isGiven('backend.s3.kms_key_id') && !values['backend.s3.server_side_encryption']?.startsWith('aws:kms'))
    refuse('backend.s3.kms_key_id', 'is of use with backend.s3.server_side_encryption: aws:kms alone');
  if (values['backend.s3.acl']?.startsWith('public-read'))
    warn('backend.s3.acl', 'everybody who knows the address of the bucket can read every file');
  if (values['backend.internal_proxy_skip_tls_verify'])
    warn('backend.internal_proxy_skip_tls_verify', 'any machine can pose as a peer; set backend.internal_proxy_ca_file instead');
}
