/** Profiles of normal behaviour: learnt from recordings, held against events. */
export { profileCodes } from './codes.js';
export { ProfileLearner } from './learn.js';
export {
  type Behaviour,
  CompiledProfile,
  type FileUse,
  type Profile,
  parseProfile,
  printProfile,
  readProfile,
} from './profile.js';
export { isAnomaly, ProfileWatch } from './watch.js';
