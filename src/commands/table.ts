/** Every verb by its id (`agent:start` is `seccam agent start`): what the built script and the manifest know. */
import AgentConfig from './agent/config.js';
import AgentDump from './agent/dump.js';
import AgentReload from './agent/reload.js';
import AgentStart from './agent/start.js';
import AgentStatus from './agent/status.js';
import AgentStop from './agent/stop.js';
import AgentStreams from './agent/streams.js';
import type { Verb } from './base.js';
import Check from './check.js';
import Diff from './diff.js';
import Doctor from './doctor.js';
import Eval from './eval.js';
import Explain from './explain.js';
import Fmt from './fmt.js';
import Init from './init.js';
import Inspect from './inspect.js';
import ListCodes from './list/codes.js';
import { ListConstants, ListEvents, ListFields, ListFunctions } from './list/reference.js';
import ListRules from './list/rules.js';
import ListTests from './list/tests.js';
import NewRule from './new/rule.js';
import NewTest from './new/test.js';
import ProfileLearn from './profile/learn.js';
import RecordCommand from './record.js';
import RecordingExport from './recording/export.js';
import { RecordingMerge, RecordingRedact, RecordingTrim, RecordingUpgrade } from './recording/rewriting.js';
import Replay from './replay.js';
import Test from './test.js';
import Trace from './trace.js';

export const COMMANDS: Readonly<Record<string, Verb>> = {
  check: Check,
  diff: Diff,
  doctor: Doctor,
  eval: Eval,
  explain: Explain,
  fmt: Fmt,
  init: Init,
  inspect: Inspect,
  'agent:config': AgentConfig,
  'agent:dump': AgentDump,
  'agent:reload': AgentReload,
  'agent:start': AgentStart,
  'agent:status': AgentStatus,
  'agent:stop': AgentStop,
  'agent:streams': AgentStreams,
  'list:codes': ListCodes,
  'list:constants': ListConstants,
  'list:events': ListEvents,
  'list:fields': ListFields,
  'list:functions': ListFunctions,
  'list:rules': ListRules,
  'list:tests': ListTests,
  'new:rule': NewRule,
  'new:test': NewTest,
  'profile:learn': ProfileLearn,
  record: RecordCommand,
  'recording:export': RecordingExport,
  'recording:merge': RecordingMerge,
  'recording:redact': RecordingRedact,
  'recording:trim': RecordingTrim,
  'recording:upgrade': RecordingUpgrade,
  replay: Replay,
  test: Test,
  trace: Trace,
};
