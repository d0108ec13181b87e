"""Memory that is freed stays with the process."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from reference_model.training.allocator import keep_freed_memory

def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def faults_of_a_further_tensor():
    for _ in range(20):  # aligned blocks take a few rounds to find the gaps of others
        torch.ones(9_000_000)
    before = page_faults()
    torch.ones(9_000_000)
    return page_faults() - before

print(faults_of_a_further_tensor())
keep_freed_memory()
print(faults_of_a_further_tensor())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
@pytest.mark.slow
def test_a_further_tensor_takes_the_memory_of_those_before():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    default, kept = map(int, done.stdout.split())
    if default < 100:
        pytest.skip("this C library keeps freed memory by itself")
    assert kept < default / 10
