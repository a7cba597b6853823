#!/usr/bin/env python3
"""The program as textbooks write it: Pool(5), a Manager's Queue, one put for each file.

    textbook.py SOURCE COPY
"""

import multiprocessing
import os
import sys


def copy_file(queue, source, copy, name):
  with open(os.path.join(source, name), 'rb') as f:
    content = f.read()
  with open(os.path.join(copy, name), 'wb') as f:
    f.write(content)
  queue.put(name)


def main():
  source, copy = sys.argv[1:]
  names = []
  for directory, _, files in os.walk(source):
    relative = os.path.relpath(directory, source)
    os.makedirs(os.path.join(copy, relative), exist_ok=True)
    names += [os.path.join(relative, file) for file in files]

  pool = multiprocessing.Pool(5)
  queue = multiprocessing.Manager().Queue()
  for name in names:
    pool.apply_async(copy_file, args=(queue, source, copy, name))
  pool.close()

  done = 0
  while done < len(names):
    queue.get()
    done += 1
    print(f'\r{done / len(names):.2%}', end='')
  print()


if __name__ == '__main__':
  main()
