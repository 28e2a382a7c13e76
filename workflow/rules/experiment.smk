"""Scans of a microscope, and one of known particles that stands for them: simulated once, by abTEM."""


rule simulate_scan:
    output:
        scan=f"{RESULTS}/experiment/simulated.h5",
    log:
        f"{RESULTS}/logs/simulate_scan.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_scan.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
    params:
        settings=scientific("experiment"),
        code=code("simulate_scan.py"),
    script:
        "../scripts/simulate_scan.py"
