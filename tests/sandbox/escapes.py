"""Programs that try to get out, to hurt the machine, or to be judged right without being right.

Each defines `f`, whose tests want `f(21) == 42`; those that try to get at something return 42 only
where they got it, so that `passed` means the attempt succeeded. `HOSTILE` ends by itself, `LASTING`
has to be ended.
"""

C_LIBRARY = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"

FORGED = {
    "exit code 0": ("import sys\nsys.exit(0)", "failed"),
    "exit code 0 in the call": ("import sys\ndef f(x): sys.exit(0)", "failed"),
    "os._exit(0)": ("import os\ndef f(x): os._exit(0)", "crashed"),
    "atexit": (
        "import atexit, os\natexit.register(lambda: print('passed'))\ndef f(x): os._exit(0)",
        "crashed",
    ),
    "verdict printed": (
        'import os\nprint(\'{"outcome": "passed"}\')\n'
        'for n in range(3, 64):\n try: os.write(n, b\'\\0\\0\\0\\x15{"outcome": "passed"}\')\n'
        " except OSError: pass\ndef f(x): return 0",
        "crashed",
    ),
    "verdict written to every descriptor": (
        "import os\ndef f(x):\n for n in range(64):\n"
        '  try: os.write(n, b\'{"outcome":"passed"}\')\n'
        "  except OSError: pass\n return 0",
        "output",
    ),
    "answers sent ahead": (
        "import os\nbody = b'{\"value\": 42}'\nframe = len(body).to_bytes(4, 'big') + body\n"
        "for n in range(3, 64):\n try: os.write(n, frame * 9)\n except OSError: pass\n"
        "def f(x): return 0",
        "crashed",
    ),
    "an object equal to everything": (
        "class Yes:\n def __eq__(self, other): return True\n def __hash__(self): return hash(42)\n"
        "def f(x): return Yes()",
        "failed",
    ),
    "a number equal to everything": (
        "class Yes(int):\n def __eq__(self, other): return True\ndef f(x): return Yes(7)",
        "failed",
    ),
    "patched builtins": (
        "import builtins\nbuiltins.all = builtins.any = builtins.abs = lambda *a: True\n"
        "builtins.AssertionError = type('Never', (Exception,), {})\ndef f(x): return 7",
        "failed",
    ),
    "frames searched for the answer": (
        "import sys, gc\nneedle = ' '.join(['==', '42'])\ndef f(x):\n"
        " frame = sys._getframe()\n while frame:\n"
        "  for value in (*frame.f_locals.values(), *frame.f_globals.values()):\n"
        "   if isinstance(value, str) and needle in value != needle: return 42\n"
        "  frame = frame.f_back\n"
        " for value in gc.get_objects():\n"
        "  for part in value.values() if isinstance(value, dict) else ():\n"
        "   if isinstance(part, str) and needle in part != needle: return 42",
        "failed",
    ),
    "raise StopIteration": ("def f(x): raise StopIteration", "failed"),
    "raise GeneratorExit": ("def f(x): raise GeneratorExit", "failed"),
    "the channel closed": ("import os\nos.closerange(3, 64)\ndef f(x): return 42", "crashed"),
    "the serving code replaced": (
        "import sys\nfor name, module in list(sys.modules.items()):\n"
        " if name.startswith('inside'):\n  for key in list(vars(module)):\n"
        "   if not key.startswith('__'): setattr(module, key, lambda *a, **k: {'value': 42, "
        "'outcome': 'passed'})\ndef f(x): return 7",
        "crashed",
    ),
}

REACHING_OUT = {
    "fork": ("import os\ndef f(x):\n os.fork()\n return 42", "refused"),
    "posix_spawn": (
        "import os\ndef f(x):\n os.posix_spawn('/bin/sh', ['sh', '-c', 'true'], {})\n return 42",
        "refused",
    ),
    "exec": (
        "import os, sys\ndef f(x): os.execv(sys.executable, ['python', '-c', 'pass'])",
        "refused",
    ),
    "subprocess": (
        "import subprocess\ndef f(x):\n subprocess.run(['/bin/true'])\n return 42",
        "refused",
    ),
    "daemon by double fork": (
        "import os\ndef f(x):\n if os.fork() == 0:\n  os.setsid()\n  os.fork()\n return 42",
        "refused",
    ),
    "clone by machine call": (
        C_LIBRARY + "def f(x): return 42 if libc.syscall(56, 17, 0, 0, 0, 0) >= 0 else 0",
        "failed",
    ),
    "clone3 by machine call": (
        C_LIBRARY + "b = ctypes.create_string_buffer(88)\n"
        "def f(x): return 42 if libc.syscall(435, b, 88) >= 0 else 0",
        "failed",
    ),
    "connect": (
        "import socket\ndef f(x):\n socket.create_connection(('127.0.0.1', {port}), 1)\n return 42",
        "refused",
    ),
    "bind": (
        "import socket\ndef f(x):\n socket.socket().bind(('127.0.0.1', 0))\n return 42",
        "refused",
    ),
    "unix socket": (
        "import socket\ndef f(x):\n socket.socket(socket.AF_UNIX).connect('{socket}')\n return 42",
        "refused",
    ),
    "name look-up": (
        "import socket\ndef f(x): return 42 if socket.gethostbyname('localhost') else 0",
        "failed",
    ),
    "network interfaces": (
        "import socket\ndef f(x): return 42 if len(socket.if_nameindex()) > 1 else 0",
        "refused",
    ),
    "/proc of the parent": (
        "import os\ndef f(x): return 42 if open(f'/proc/{os.getppid()}/environ').read() else 42",
        "failed",
    ),
    "/proc/self/mem": ("def f(x):\n open('/proc/self/mem', 'r+b')\n return 42", "failed"),
    "mount /proc": (
        C_LIBRARY + "import os\nos.mkdir('/tmp/p')\n"
        "def f(x): return 42 if libc.mount(b'proc', b'/tmp/p', b'proc', 0, None) == 0 else 0",
        "failed",
    ),
    "unmount": (
        C_LIBRARY + "def f(x): return 42 if libc.umount2(b'/tmp', 2) == 0 else 0",
        "failed",
    ),
    "a user namespace of its own": (
        C_LIBRARY + "def f(x): return 42 if libc.unshare(0x10000000) == 0 else 0",
        "failed",
    ),
    "chroot": ("import os\ndef f(x):\n os.chroot('/tmp')\n return 42", "refused"),
    "kill the parent": (
        "import os\ndef f(x):\n os.kill(os.getppid(), 9)\n return 42",
        "refused",
    ),
    "kill the harness": ("import os\ndef f(x):\n os.kill({pid}, 9)\n return 42", "refused"),
    "kill everything": ("import os\ndef f(x):\n os.kill(-1, 9)\n return 42", "refused"),
    "kill the checker by machine call": (
        C_LIBRARY + "def f(x): return 42 if libc.syscall(234, 1, 1, 9) == 0 else 0",
        "failed",
    ),
    "ptrace the checker": (
        C_LIBRARY + "def f(x): return 42 if libc.ptrace(16, 1, 0, 0) == 0 else 0",
        "failed",
    ),
    "read the checker's memory": (
        C_LIBRARY + "b = ctypes.create_string_buffer(64)\n"
        "def f(x): return 42 if libc.syscall(310, 1, b, 1, b, 1, 0) >= 0 else 0",
        "failed",
    ),
    "take the checker's descriptors": (
        C_LIBRARY + "def f(x): return 42 if libc.syscall(438, libc.syscall(434, 1, 0), 0, 0) >= 0 "
        "else 0",
        "failed",
    ),
    "a pair of sockets of another family": (
        C_LIBRARY + "b = ctypes.create_string_buffer(8)\n"
        "def f(x): return 42 if libc.socketpair(30, 1, 0, b) == 0 else 0",
        "failed",
    ),
    "signals by way of a pipe": (
        "import fcntl, os\ndef f(x):\n fcntl.fcntl(os.pipe()[0], 8, 1)\n return 42",
        "refused",
    ),
    "io_uring": (
        C_LIBRARY + "b = ctypes.create_string_buffer(256)\n"
        "def f(x): return 42 if libc.syscall(425, 8, b) >= 0 else 0",
        "failed",
    ),
    "bpf": (
        C_LIBRARY + "b = ctypes.create_string_buffer(256)\n"
        "def f(x): return 42 if libc.syscall(321, 0, b, 72) >= 0 else 0",
        "failed",
    ),
    "calls of the 32-bit kind": (
        # int 0x80 with eax = 20 (getpid): a foreign architecture, on which the filter kills.
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
        "m.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"
        "def f(x):\n p = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        " ctypes.CFUNCTYPE(ctypes.c_int)(p)()\n return 42",
        "crashed",
    ),
    "become another user": (
        "import os\ndef f(x):\n os.setuid(1)\n return 42",
        "refused",
    ),
    "a setuid file": (
        "import os, shutil\ndef f(x):\n open('/tmp/s', 'w').close()\n os.chmod('/tmp/s', 0o4755)\n"
        " os.execv('/tmp/s', ['s'])",
        "refused",
    ),
    "a device node": (
        "import os\ndef f(x):\n os.mknod('/tmp/d', 0o60666, os.makedev(254, 0))\n return 42",
        "refused",
    ),
    "the environment's secrets": (
        "import os\ndef f(x): return 42 if 'hunter2' in str(os.environ) else 0",
        "failed",
    ),
    "the home folder": (
        "import os\ndef f(x):\n for folder, _, files in os.walk('{home}'):\n"
        "  if files and '/lib' not in folder: return 42",
        "failed",
    ),
    "a file of the host": ("def f(x):\n open('{secret}')\n return 42", "failed"),
    "a file of the host by a link": (
        "import os\ndef f(x):\n os.symlink('{secret}', '/tmp/l')\n open('/tmp/l')\n return 42",
        "failed",
    ),
    "a file of the host by ..": (
        "def f(x):\n open('/tmp/../../../../..{secret}')\n return 42",
        "failed",
    ),
    "the passwords": ("def f(x):\n open('/etc/passwd')\n return 42", "failed"),
    "the harness's own code": (
        "import sys\ndef f(x):\n open(sys.modules['inside.program'].__file__, 'a')\n return 42",
        "failed",
    ),
    "a write into Python's library": (
        "import os\ndef f(x):\n open(os.__file__, 'a')\n return 42",
        "refused",
    ),
    "chmod of Python's library": (
        "import os\ndef f(x):\n os.chmod(os.__file__, 0o777)\n return 42",
        "failed",
    ),
    "a write into the root folder": ("def f(x):\n open('/new', 'w')\n return 42", "failed"),
    "raising its own limits": (
        "import resource\ndef f(x):\n resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n return 42",
        "failed",
    ),
}

GREEDY = {
    "memory in one piece": ("def f(x): return len(bytearray(10**11)) and 42", "memory"),
    "memory piece by piece": (
        "def f(x):\n kept = []\n while True: kept.append(bytearray(10**7))",
        "memory",
    ),
    "disk in one file": (
        "def f(x):\n with open('/tmp/big', 'wb') as s:\n"
        "  for _ in range(1000): s.write(bytes(10**6))\n return 42",
        "failed",
    ),
    "disk in many files": (
        "def f(x):\n for n in range(10**6): open(f'/tmp/{n}', 'w').close()\n return 42",
        "failed",
    ),
    "descriptors": (
        "import os\ndef f(x):\n while True: os.dup(0)",
        "failed",
    ),
    "threads": (
        "import threading, time\ndef f(x):\n"
        " for _ in range(10**4): threading.Thread(target=time.sleep, args=(60,)).start()\n"
        " return 42",
        "failed",
    ),
    "a huge answer": ("def f(x): return 'a' * (64 << 20)", "output"),
    "a huge integer": ("def f(x): return 1 << (10**7)", "failed"),
    "a huge decimal": ("def f(x): return int('9' * 10**6)", "failed"),
    "a deep answer": ("def f(x):\n a = []\n for _ in range(10**5): a = [a]\n return a", "failed"),
    "an answer that holds itself": ("def f(x):\n a = []\n a.append(a)\n return a", "failed"),
    "deep recursion": ("def f(x): return f(x)", "failed"),
    "deep recursion without a limit": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef g(x): return sorted([x], key=g)\n"
        "def f(x): return g(x)",
        "crashed",
    ),
    "a null pointer": ("import ctypes\ndef f(x): return ctypes.string_at(0)", "crashed"),
    "abort": ("import os\ndef f(x): os.abort()", "crashed"),
    "text that is no program": ("def f(x) return 42", "failed"),
    "a null character": ("def f(x): return 42\0", "failed"),
    "brackets without end": ("(" * 10**5, "failed"),
}

LASTING = {
    "fork bomb": (
        "import os\ndef f(x):\n while True:\n  try: os.fork()\n  except OSError: pass",
        "timeout",
    ),
    "an endless loop": ("while True: pass", "timeout"),
    "an endless sleep": ("import time\ndef f(x): time.sleep(10**6)", "timeout"),
    "endless output": ("def f(x):\n while True: print('x' * 10**4)", "timeout"),
    "stopping itself": ("import signal\ndef f(x): signal.raise_signal(signal.SIGSTOP)", "timeout"),
    "deaf to the processor's limit": (
        "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n"
        " except (OSError, ValueError): pass\nwhile True: pass",
        "timeout",
    ),
    "a thread that outlives": (
        "import threading\ndef g():\n while True: pass\n"
        "threading.Thread(target=g).start()\nimport time\ndef f(x): time.sleep(10**6)",
        "timeout",
    ),
    "an endless iterator": (
        "def f(x):\n class Numbers:\n  def __iter__(self): return self\n"
        "  def __next__(self): return 0\n return Numbers()",
        "timeout",
    ),
    "a whole power": ("def f(x): return 9 ** 9 ** 9 ** 9", "timeout"),
    "a regular expression": (
        "import re\ndef f(x): return re.match('(a+)+$', 'a' * 60 + 'b')",
        "timeout",
    ),
}
