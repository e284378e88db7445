/// <reference lib="dom" />
/** A list of which only the lines in sight exist, so that a hundred thousand of them scroll like ten. */
import { make } from './element.js';

const height = 22;
/** Browsers stop at some 33 million pixels. */
const tallest = 16_000_000;

export class LongList {
  readonly element = make('div', { class: 'scroll', tabindex: '0', role: 'listbox' });
  readonly #rows = make('div', { class: 'rows' });
  #count = 0;
  #picked = -1;

  constructor(
    readonly draw: (index: number) => HTMLElement,
    readonly pick: (index: number) => void,
  ) {
    this.element.append(this.#rows);
    this.element.addEventListener('scroll', () => this.render());
    new ResizeObserver(() => this.render()).observe(this.element);
    this.#rows.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('.row');
      if (row !== null) this.choose(Number(row.dataset['index']));
    });
  }

  get picked(): number {
    return this.#picked;
  }

  fill(count: number, picked = -1): void {
    this.#count = count;
    this.#picked = picked;
    this.#rows.style.height = `${Math.min(count * height, tallest)}px`;
    this.render();
  }

  /** Picks a line, brings it into sight and says so. */
  choose(index: number, tell = true): void {
    if (index < 0 || index >= this.#count) return;
    this.#picked = index;
    this.show(index);
    this.render();
    if (tell) this.pick(index);
  }

  show(index: number): void {
    const { scrollTop, clientHeight } = this.element;
    const top = this.#topOf(index);
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.element.scrollTop = top + height - clientHeight;
  }

  move(by: number): void {
    if (this.#count === 0) return;
    this.choose(Math.max(0, Math.min(this.#count - 1, this.#picked + by)));
  }

  get page(): number {
    return Math.max(1, Math.floor(this.element.clientHeight / height) - 1);
  }

  render(): void {
    const { scrollTop, clientHeight } = this.element;
    const scale = this.#scale();
    const first = Math.max(0, Math.floor((scrollTop * scale) / height) - 4);
    const last = Math.min(this.#count, first + Math.ceil(clientHeight / height) + 10);
    const shown: HTMLElement[] = [];
    for (let index = first; index < last; index++) {
      const row = this.draw(index);
      row.style.top = `${scale === 1 ? index * height : scrollTop + (index * height - scrollTop * scale)}px`;
      row.dataset['index'] = String(index);
      row.setAttribute('role', 'option');
      row.classList.toggle('on', index === this.#picked);
      shown.push(row);
    }
    this.#rows.replaceChildren(...shown);
  }

  #topOf(index: number): number {
    return (index * height) / this.#scale();
  }

  #scale(): number {
    return Math.max(1, (this.#count * height) / tallest);
  }
}
