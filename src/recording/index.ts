/** Recordings: reading, writing, rewriting. docs/recording-format.md is the law. */
export { BlockError, BlockKind, BlockSplitter, type Block } from './blocks.js';
export { EventFlag } from './format.js';
export { type Header, HeaderError, parseHeader } from './header.js';
export { StreamReader, type StreamReaderOptions, type StreamSink } from './reader.js';
export { type CutList, type CutText, type EventHead, RecordingWriter, type TextValue, type TupleValue, type Value, type Values, type WriterOptions } from './writer.js';
export { type ExportedEvent, csvHeader, csvLine, exportEvent } from './export.js';
export { mergeRecordings, type NamedSource } from './merge.js';
export { redactRecording, type RedactOptions } from './redact.js';
export { type Rewritten, rewrite, type Source } from './rewrite.js';
export { trimRecording, type Trimmed, type TrimOptions } from './trim.js';
export { upgradeRecording } from './upgrade.js';
export { recordingCodes } from './codes.js';
export { openOutput, type OutputFile } from './output.js';
