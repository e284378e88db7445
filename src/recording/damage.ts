/** What is wrong with the bytes of a recording, and where. Never leaves this room: the reader makes a diagnostic of it. */
export class Damage extends Error {
  constructor(
    /** Word offset in the decoded payload of the block. */
    readonly word: number,
    message: string,
    readonly code: 'damaged-recording' | 'recording-too-large' | 'newer-format' | 'not-a-recording' = 'damaged-recording',
  ) {
    super(message);
  }
}
