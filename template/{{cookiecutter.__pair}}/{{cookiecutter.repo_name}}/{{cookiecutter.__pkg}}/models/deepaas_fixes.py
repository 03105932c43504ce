"""What DEEPaaS 2.6 gets wrong, put right while it starts. Training and tests never come here.

The package's ``__init__`` calls :func:`apply` when DEEPaaS imports it, so plain ``deepaas-run``
is enough. Each of these has a test in ``tests/test_deepaas_fixes.py`` that fails without it (see
for yourself: ``PLAIN_DEEPAAS=1 pytest tests/test_deepaas_fixes.py``):

1. An exception in ``predict`` became an empty answer 500, or, if it could not be pickled, no
   answer to this and every later request. Now: JSON with the message; 400 for a ValueError.
   A worker process that died (out of memory) blocked its place for ever. Now: 500, and a new one.
2. A training that failed so kept the status ``running`` for ever. Now: ``error`` and why.
3. Cancelling a training answered 500, or blocked the server. Now: ``cancelled``, and every
   process that it had started is gone.
4. A model that could not be imported was replaced by DEEPaaS's own ``deepaas-test``, and the
   server looked well. Now: its traceback, and exit code 1.
5. Uploaded files stayed in the temporary folder. Now: removed with the request.
6. Requests at the same time could read each other's arguments, out of a cache that they share.

Written for DEEPaaS 2.6.0 (its ``model/v2/wrapper.py``, ``model/v2/__init__.py``,
``api/v2/train.py``) and webargs 5.5; with any other DEEPaaS only fix 4's import is done.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import importlib
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing.connection import Connection, wait
from typing import Any

import deepaas
from aiohttp import web
from deepaas.api.v2 import train as train_api
from deepaas.model import v2
from deepaas.model.v2 import wrapper
from webargs.aiohttpparser import AIOHTTPParser
from webargs.asyncparser import AsyncParser
from webargs.core import dict2schema

#: Seconds to wait for a killed process; it takes milliseconds unless the machine is in trouble.
KILL_TIMEOUT = 10


class ModelError(Exception):
    """The model raised an exception, or its process died.

    Attributes:
        status: the HTTP status to answer with.
    """

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status


def apply() -> None:
    """Put right what is wrong in the DEEPaaS that is importing this package."""
    if multiprocessing.parent_process() is not None:
        return  # a worker process, which serves nothing
    _require_model()
    if not deepaas.extract_version().startswith("2.6."):
        warnings.warn(
            f"{__name__} is written for DEEPaaS 2.6, not {deepaas.extract_version()}: not applied",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    # In place, and not by new classes: DEEPaaS may have looked the class up already.
    wrapper.CancellablePool = WorkerPool
    wrapper.ModelWrapper._setup_cleanup = _set_up_app
    wrapper.ModelWrapper.predict = _predict
    wrapper.ModelWrapper.train = _train
    v2.test.TestModel = _refuse_test_model
    train_api._get_handler = functools.partial(_train_handler, train_api._get_handler)
    AIOHTTPParser.parse = _parse
    for origin in ("aiohttp", "apispec", "deepaas", "distutils"):
        # About DEEPaaS's own code, of no use to those who run it.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=origin)


# ---- 4: a model that cannot be loaded ---------------------------------------------------------


def _require_model() -> None:
    """Load the model the way DEEPaaS will, and stop the start-up if that fails.

    SystemExit, because the plug-in loader of DEEPaaS goes on after any Exception.
    """
    try:
        model = importlib.import_module(".deep_api", __package__)
        for name in ("get_train_args", "get_predict_args"):
            if hasattr(model, name):
                dict2schema(getattr(model, name)())
        if hasattr(model, "get_metadata"):
            model.get_metadata()
    except Exception:
        traceback.print_exc()
        sys.exit(f"{__package__}.deep_api cannot be loaded, so there is nothing to serve")


def _refuse_test_model() -> None:
    """Stands in for the class of the model that DEEPaaS serves when it could load no other."""
    sys.exit("DEEPaaS could not load the model, see above, so there is nothing to serve")


# ---- 1, 2, 3: processes that do the work ------------------------------------------------------


def _serve(connection: Connection) -> None:
    """Run in a worker process: one call after another, as long as the server lives."""
    # A group of its own: Ctrl-C is for the server, and killing the group ends also the
    # processes that a training has started (data loaders).
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            call = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_run(call))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def _run(call: bytes) -> bytes:
    """Run a pickled call; returns its result or how it failed, so that any process can read it."""
    try:
        return pickle.dumps((pickle.loads(call)(), None))
    except (Exception, SystemExit) as error:
        if isinstance(error, web.HTTPException) and error.status >= 400:
            failure = (error.text or error.reason, error.status)
        elif isinstance(error, ValueError):
            failure = (str(error) or type(error).__name__, 400)
        else:
            failure = (f"{type(error).__name__}: {error}", 500)
        return pickle.dumps((None, (*failure, traceback.format_exc())))


class Worker:
    """A process that does one call at a time.

    Spawned, because CUDA does not survive a fork; not daemonic, so that it may have processes.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="model-worker")
        self._process.start()
        theirs.close()  # or its end would not be seen as the end of the pipe
        atexit.register(self.kill)  # before multiprocessing's own, which would wait for it

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function there, and wait for its result.

        Raises:
            ModelError: it raised an exception.
            EOFError: the process is gone.
        """
        call = pickle.dumps(function)
        try:
            self._connection.send_bytes(call)
            answer = self._connection.recv_bytes()
        except (EOFError, OSError) as gone:
            self._process.join(KILL_TIMEOUT)
            raise EOFError(f"exit code {self._process.exitcode}") from gone
        result, failure = pickle.loads(answer)
        if failure is not None:
            message, status, trace = failure
            (wrapper.LOG.error if status >= 500 else wrapper.LOG.debug)("%s", trace)
            raise ModelError(message, status)
        return result

    def kill(self) -> None:
        """End the process and those that it started."""
        atexit.unregister(self.kill)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.kill()  # for the first moment, when it has no group of its own yet
        self._process.join(KILL_TIMEOUT)


class WorkerPool:
    """Stands in for DEEPaaS's CancellablePool: same two methods, same results."""

    def __init__(self, max_workers: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers)
        self._workers = {Worker() for _ in range(max_workers)}
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._closed = False
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def apply(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Call a function in the next free process; cancelling this kills that process.

        Raises:
            ModelError: the function raised an exception, or its process died.
        """
        worker = await self._free.get()
        call = functools.partial(worker.call, functools.partial(function, *args))
        try:
            output = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except asyncio.CancelledError:
            worker = self._replaced(worker)
            raise
        except EOFError as gone:
            worker = self._replaced(worker)
            message = f"the model's process died ({gone}); -9 is often a lack of memory"
            wrapper.LOG.error("%s", message)
            raise ModelError(message) from gone
        finally:
            self._free.put_nowait(worker)
        # DEEPaaS parses this text, and needs the microseconds also when they are 0.
        return {"output": output, "finish_date": datetime.now().strftime("%Y-%m-%d %H:%M:%S.%f")}

    def _replaced(self, worker: Worker) -> Worker:
        worker.kill()
        if self._closed:
            return worker
        new = Worker()
        self._workers.remove(worker)
        self._workers.add(new)
        return new

    def shutdown(self) -> None:
        """End all processes, whatever they are doing."""
        self._closed = True
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown()


# ---- 1, 5: requests ---------------------------------------------------------------------------


@web.middleware
async def _answer_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turn exceptions into JSON answers; those of aiohttp are answers already."""
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPException:
        raise
    except ModelError as error:
        return web.json_response({"message": str(error)}, status=error.status)
    except Exception as error:
        wrapper.LOG.exception("%s %s", request.method, request.path)
        return web.json_response({"message": f"{type(error).__name__}: {error}"}, status=500)
    return answer


def _set_up_app(self: Any) -> None:
    """ModelWrapper._setup_cleanup, which every start calls with the application."""
    self._app.on_cleanup.append(self._close_executors)
    if _answer_errors not in self._app.middlewares:
        self._app.middlewares.append(_answer_errors)


def _predict(self: Any, **arguments: Any) -> asyncio.Task[Any]:
    """ModelWrapper.predict."""
    with self._catch_error():  # 501 for a model that has no such function
        function = functools.partial(self.predict_wrap, self.model_obj.predict)
    return _start(self._executor, function, arguments)


def _train(self: Any, **arguments: Any) -> asyncio.Task[Any]:
    """ModelWrapper.train."""
    with self._catch_error():
        function = self.model_obj.train
    return _start(self._executor, function, arguments)


def _start(
    pool: WorkerPool, function: Callable[..., Any], arguments: dict[str, Any]
) -> asyncio.Task[Any]:
    """Start a call; uploaded files lie where the worker finds them until it has ended."""
    with contextlib.ExitStack() as stack:
        for key, value in arguments.items():
            if isinstance(value, web.FileField):
                # At once: a training goes on after its request, and the request's file does not.
                file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="upload-"))
                shutil.copyfileobj(value.file, file)
                file.flush()
                arguments[key] = wrapper.UploadedFile(
                    value.name, file.name, value.content_type, value.filename
                )
        task = asyncio.ensure_future(pool.apply(functools.partial(function, **arguments)))
        files = stack.pop_all()
    task.add_done_callback(lambda _: files.close())
    return task


# ---- 3: cancelling a training -----------------------------------------------------------------


def _train_handler(original: Callable[..., Any], name: str, model: Any) -> Any:
    """DEEPaaS's handler of the train requests, with another DELETE."""
    handler = original(name, model)

    @functools.wraps(handler.delete)  # with its description for /swagger.json
    async def delete(request: web.Request) -> web.Response:
        identifier = request.match_info["uuid"]
        training = handler._trainings.pop(identifier, None)
        if training is None:
            raise web.HTTPNotFound()
        training["task"].cancel()
        await asyncio.wait([training["task"]], timeout=2 * KILL_TIMEOUT)
        return web.json_response(handler.build_train_response(identifier, training))

    handler.delete = delete
    return handler


# ---- 6: arguments of requests at the same time ------------------------------------------------


async def _parse(self: Any, *args: Any, **kwargs: Any) -> Any:
    """AIOHTTPParser.parse on a copy: its cache of the request's body is not by request."""
    return await AsyncParser.parse(self._clone(), *args, **kwargs)
