/** The tables whose rows keep a blob alive: each has `backend`, `instance_id` and `key`, and an index that begins with them. */
export const KEY_HOLDERS = ['replica', 'upload_part'] as const;
