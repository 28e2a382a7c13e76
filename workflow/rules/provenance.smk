"""Where the run's numbers come from: the manifest and the Workflow Run RO-Crate, out of the records of all jobs."""


rule write_provenance:
    input:
        products=[*rules.tables.input, *rules.figures.input, *rules.write_report.output],
        run=FILES["run"],
        datasets=checkout("resources/datasets.csv"),
    output:
        manifest=f"{RESULTS}/provenance/manifest.json",
        crate=f"{RESULTS}/ro-crate-metadata.json",
        workflow=directory(f"{RESULTS}/provenance/workflow"),
    log:
        f"{RESULTS}/logs/write_provenance.log",
    conda:
        "../../envs/provenance.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        configuration=settings(*configuration.sections()),
        code=code("write_provenance.py"),
    script:
        "../scripts/write_provenance.py"
