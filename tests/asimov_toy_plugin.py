"""A plugin as authors write them for asimov 0.8; the key ``toy`` of its analysis says what goes wrong where.  Runs where asimov is."""

import os
import signal
import sys
import time
from pathlib import Path

from asimov.pipeline import Pipeline, PipelineException
from asimov.scheduler_utils import create_job_from_dict
from asimov.storage import Store

from asimov import config  # isort: skip


class Toy(Pipeline):
    """Its job writes ``result.txt``."""

    name = "Toy"
    STATUS = {"wait", "stuck", "stopped", "running", "finished"}
    config_template = str(Path(__file__).with_name("asimov_toy.ini"))

    counted = 0

    def __init__(self, production, category=None):
        super().__init__(production, category)
        assert production.pipeline == "toy"  # the promise of asimov: a text while the class is made
        self._happens("__init__")

    def _happens(self, hook):
        what = self.production.meta.get("toy", {})
        if what.get("raise") == hook:
            raise PipelineException(f"it could not be done.\nsome words of a builder\nthe reason stands in {hook}")
        if what.get("fails") == hook:
            {"nothing": 1}["here"]
        if what.get("exits") == hook:
            sys.exit(3)
        if what.get("dies") == hook:
            os.kill(os.getpid(), signal.SIGSEGV)
        if what.get("hangs") == hook:
            print("it hangs", flush=True)
            time.sleep(600)
        if what.get("talks") == hook:
            for _ in range(40):
                print("x" * 100_000)
        if what.get("garbage") == hook:
            os.write(int(sys.argv[1]), b"{not json")
        if what.get("daemon") == hook:
            os.system("sleep 600 & echo $! > daemon.pid")

    def before_config(self, dryrun=False):
        self._happens("before_config")

    def before_build(self, dryrun=False):
        self._happens("before_build")
        with Path("before_build.txt").open("a") as stream:
            stream.write("once\n")

    def build_dag(self, user=None, dryrun=False):
        self.before_build()
        self._happens("build_dag")
        rundir = Path(self.production.rundir)
        rundir.mkdir(parents=True, exist_ok=True)
        ini = self.production.event.repository.find_prods(self.production.name, self.category)[0]
        (rundir / "seen.txt").write_text(self.production.get_configuration().ini_loc + "\n" + Path(ini).read_text())
        self.production.meta["built by"] = "toy"
        self.counted = 41

    def before_submit(self, dryrun=False):
        self._happens("before_submit")
        with Path("before_submit.txt").open("a") as stream:
            stream.write("once\n")

    def submit_dag(self, dryrun=False):
        self.before_submit()
        self._happens("submit_dag")
        self.counted += 1
        ways = {"file": self._by_file, "dag": self._by_program, "sbatch": self._by_slurm}
        number = ways.get(self.production.meta["toy"].get("submits"), self._by_scheduler)()
        if self.production.meta["toy"].get("twice"):
            self._by_file()
        self.production.status = "running"
        self.production.job_id = number
        return number, "a logger"

    def _job(self):
        rundir = self.production.rundir
        return {
            "executable": "/bin/sh",
            "arguments": f"{rundir}/job.sh {self.counted}",
            "output": f"{rundir}/toy.out",
            "error": f"{rundir}/toy.err",
            "log": f"{rundir}/toy.log",
            "request_memory": "64MB",
            "request_disk": "10MB",
            **self.production.meta["toy"].get("commands", {}),
        }

    def _by_scheduler(self):
        Path(self.production.rundir, "job.sh").write_text('echo "$1" > "$(dirname "$0")/result.txt"\n')
        return self.scheduler.submit(create_job_from_dict(self._job()))

    def _by_file(self):
        lines = "".join(f"{key} = {value}\n" for key, value in self._job().items())
        file = Path(self.production.rundir, "toy.sub")
        file.write_text(f"# by hand\n{lines}queue\n")
        return self._asked("condor_submit", str(file))

    def _by_program(self):
        Path(self.production.rundir, "toy.dag").write_text("JOB toy toy.sub\n")
        return self._asked(
            "condor_submit_dag", *self.production.meta["toy"].get("options", []), f"{self.production.rundir}/toy.dag"
        )

    def _by_slurm(self):
        return self._asked("sbatch", "job.sh")

    def _asked(self, *command):
        import re
        import subprocess

        done = subprocess.run(command, capture_output=True, text=True)
        found = re.search(r"submitted to cluster (\d+)", done.stdout)
        if found is None:
            raise PipelineException(f"{command[0]} said: {done.stdout}{done.stderr}")
        return int(found.group(1))

    def while_running(self):
        self._happens("while_running")

    def check_progress(self):
        self._happens("check_progress")
        return {"toy.out": ("120it", "dlogz:0.5")}

    def collect_logs(self):
        self._happens("collect_logs")
        return super().collect_logs()

    def resurrect(self):
        self._happens("resurrect")
        if self.production.meta["resurrections"] < 2:
            self._by_scheduler()

    def detect_completion(self):
        self._happens("detect_completion")
        return Path(self.production.rundir, "result.txt").exists()

    def after_completion(self):
        self._happens("after_completion")
        self.production.event.meta.setdefault("data", {})["calibration"] = {"H1": f"{self.production.rundir}/result.txt"}
        self.production.event.update_data()
        Path(self.production.rundir, "made_late.txt").write_text("by after_completion\n")
        if self.production.meta["toy"].get("post"):
            self.scheduler.submit(create_job_from_dict({**self._job(), "output": "post.out"}))
            self.production.status = "processing"

    def collect_assets(self):
        self._happens("collect_assets")
        rundir = self.production.rundir
        late, result = f"{rundir}/made_late.txt", f"{rundir}/result.txt"
        return {
            "samples": [result],
            "frames": {"H1": [late, result]},
            "reconstructions": {"signal": {"L1": late}},
            "bayes factors": {"signal:noise": 12.5},
            "skymap": f"{rundir}/never_made.fits",
        }

    def detect_completion_processing(self):
        self._happens("detect_completion_processing")
        return True

    def store_results(self):
        self._happens("store_results")
        Store(root=config.get("storage", "directory")).add_file(
            self.production.event.name, self.production.name, file=f"{self.production.rundir}/result.txt"
        )

    def after_processing(self):
        self._happens("after_processing")
        self.store_results()
        self.production.status = "uploaded"

    def eject_job(self):
        self._happens("eject_job")
        super().eject_job()

    def clean(self, dryrun=False):
        self._happens("clean")
        Path(self.production.rundir, "toy.out").unlink()
        os.remove(f"{self.production.rundir}/../../neighbour.txt")  # noqa: PTH107  # a plugin has no business there
