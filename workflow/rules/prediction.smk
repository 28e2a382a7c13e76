"""What follows from class probabilities: calibration, and decisions on single patterns and several views."""


rule fit_calibration:
    input:
        unpack(validation_predictions),
    output:
        calibration=f"{RESULTS}/{{part}}calibration/{{level}}/{{model}}.json",
    log:
        f"{RESULTS}/{{part}}logs/fit_calibration/{{level}}/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/fit_calibration/{{level}}/{{model}}.tsv"
    wildcard_constraints:
        part=r"|trained/\w+/",
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        settings=config["evaluation"],
        code=code("fit_calibration.py"),
    script:
        "../scripts/fit_calibration.py"


rule decide:
    input:
        predictions=f"{RESULTS}/{{part}}predictions/{{level}}/{{model}}.parquet",
        calibration=calibration_of_model,
    output:
        single=f"{RESULTS}/{{part}}decisions/{{level}}/{{model}}.parquet",
        views=f"{RESULTS}/{{part}}views/{{level}}/{{model}}.parquet",
    log:
        f"{RESULTS}/{{part}}logs/decide/{{level}}/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/decide/{{level}}/{{model}}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(30),
    params:
        settings=config["evaluation"],
        code=code("decide.py"),
    script:
        "../scripts/decide.py"
