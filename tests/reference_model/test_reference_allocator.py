"""Memory that is freed stays with the process."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from reference_model.training.allocator import keep_freed_memory

def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(20):  # aligned blocks take a few rounds to find the gaps of others
    torch.ones(9_000_000)
before = page_faults()
torch.ones(9_000_000)
print(page_faults() - before)
"""


def faults_of_a_further_tensor(mode):
    command = [sys.executable, "-c", PROGRAM, mode]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_a_further_tensor_takes_the_memory_of_those_before():
    default = faults_of_a_further_tensor("default")
    if default < 100:
        pytest.skip("this C library keeps freed memory by itself")
    assert faults_of_a_further_tensor("keep") < default / 10
