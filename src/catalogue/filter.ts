/** Socket filters (classic BPF) and eBPF programs as their system calls carry them: 8 bytes an instruction. */
import { createHash } from 'node:crypto';

interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

const LD = 0;
const LDX = 1;
const ST = 2;
const STX = 3;
const ALU = 4;
const JMP = 5;
const RET = 6;

export function instructionCount(bytes: Uint8Array): number {
  return Math.floor(bytes.length / 8);
}

/** SHA-256 of the instructions, in hex. */
export function filterHash(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : createHash('sha256').update(bytes).digest('hex');
}

function instructions(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: instructionCount(bytes) }, (_unused, index) => ({
    code: view.getUint16(index * 8, true),
    jumpTrue: view.getUint8(index * 8 + 2),
    jumpFalse: view.getUint8(index * 8 + 3),
    operand: view.getUint32(index * 8 + 4, true),
  }));
}

/** The constants that the instructions compute or compare with, in order, each once. */
export function immediates(bytes: Uint8Array): number[] {
  const values = instructions(bytes)
    .filter(({ code }) => {
      const kind = code & 7;
      const mode = code & 0xe0;
      if (kind === LD || kind === LDX) return mode === 0;
      return (kind === ALU || (kind === JMP && (code & 0xf0) !== 0)) && (code & 8) === 0;
    })
    .map(({ operand }) => operand);
  return [...new Set(values)];
}

const aluNames = ['add', 'sub', 'mul', 'div', 'or', 'and', 'lsh', 'rsh', 'neg', 'mod', 'xor'];
const jumpNames = ['jmp', 'jeq', 'jgt', 'jge', 'jset'];
const sizes = ['', 'h', 'b'];

/** One line an instruction, in the notation of bpf_dbg. */
export function filterText(bytes: Uint8Array): string {
  return instructions(bytes)
    .map((instruction) => line(instruction))
    .join('\n');
}

function line({ code, jumpTrue, jumpFalse, operand }: Instruction): string {
  const source = (code & 8) === 0 ? `#${operand}` : 'x';
  switch (code & 7) {
    case LD:
    case LDX:
      return `ld${sizes[(code >> 3) & 3] ?? ''}${(code & 7) === LDX ? 'x' : ''} ${loaded(code & 0xe0, operand)}`;
    case ST:
      return `st M[${operand}]`;
    case STX:
      return `stx M[${operand}]`;
    case ALU:
      return `${aluNames[(code >> 4) & 0xf] ?? 'alu'} ${source}`;
    case JMP:
      return (code & 0xf0) === 0
        ? `jmp +${operand}`
        : `${jumpNames[(code >> 4) & 0xf] ?? 'jmp'} ${source},${jumpTrue},${jumpFalse}`;
    case RET:
      return (code & 0x18) === 0x10 ? 'ret a' : `ret #${operand}`;
    default:
      return (code & 0xf8) === 0 ? 'tax' : 'txa';
  }
}

function loaded(mode: number, operand: number): string {
  switch (mode) {
    case 0x00:
      return `#${operand}`;
    case 0x20:
      return `[${operand}]`;
    case 0x40:
      return `[x + ${operand}]`;
    case 0x60:
      return `M[${operand}]`;
    case 0x80:
      return 'len';
    default:
      return `4*([${operand}]&0xf)`;
  }
}

/** Numbers of the helpers that an eBPF program calls, in order, each once. */
export function helpersOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const helpers = new Set<number>();
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    // BPF_JMP | BPF_CALL with source register 0 calls a helper; others call functions of the program.
    if (view.getUint8(at) === 0x85 && view.getUint8(at + 1) >> 4 === 0)
      helpers.add(view.getInt32(at + 4, true));
  }
  return [...helpers];
}
