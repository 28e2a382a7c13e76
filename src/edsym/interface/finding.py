"""Spots of patterns, of simulated ones and of images."""

from edsym.experiment.spots.find import find_scan_spots
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.interface.simulation import Patterns, simulated_spots
from edsym.interface.spots import Spots


def find_spots(patterns, **settings) -> Spots | ScanSpots:
    """Find the spots of simulated patterns, or the Bragg spots of a scan, a series or a single image.

    Parameters
    ----------
    patterns : Patterns, Scan or array
        As `simulate` or `read_scan` returns them; or images (height, width), (n, height, width) or (rows,
        columns, height, width).
    **settings
        For simulated patterns those of `edsym.spots.settings.PeaksSettings`, such as ``q_max=1.5`` in 1/Å.
        For images:

        pixel : float or (float, float)
            1/Å of a pixel, or along y and along x, in place of what the scan says.
        probe : float or (h, w) array
            Radius of a spot in pixels, or an image of the beam without a crystal; without, the spots tell it.
        mask : (height, width) array of bool
            True where a pixel does not count: a beam stop, for example. Dead and hot pixels are found
            without.
        center : (float, float) or str
            x and y of the direct beam in pixels, in all patterns; or ``"beam"``, it is found as a spot, or
            ``"friedel"``, by pairs of spots on either side of it. Without, it is found as a spot unless it
            lies where nothing is measured, as under a beam stop, or what is found agrees much worse than
            the pairs do.
        ellipse : Ellipse or (float, float)
            What circles are on the detector: long over short axis, and the angle of the long one from x
            towards y in degrees, as `edsym.measure_ellipse` finds it. qx and qy are freed of it.
        false_spots : float
            How many false spots a pattern may have on average, 0.05 without; the threshold follows from it,
            from the area of a spot and from the noise.
        spacing : float
            Least distance of two spots in pixels; one and a half radii without.
        correlation : str
            With the probe, of which spots are maxima: cross (counts under the probe), the choice without;
            hybrid or phase, where amplitudes of the cross power spectrum are replaced by their roots or by 1
            (T. C. Pekin et al., Ultramicroscopy 176, 170 (2017)). All are as sure, and are fitted alike.
        threads : int
            How many work at once; without, as many as there are cores. The spots do not depend on it.
        progress : bool
            Whether to show a progress bar.
        parts : str or Path
            A folder for what is done so far: ended and begun again, it goes on from there.

    Returns
    -------
    Spots or ScanSpots
        `Spots` of simulated patterns, with the indices of the conventional cell: of those that have at least
        ``min_spots``, of the others a warning tells; where beams coincide, the indices are those of the
        brightest. `ScanSpots` of images: with centre, background, noise and, where a pattern cannot be used,
        the reason. Its ``facts`` tell the radius and edge of a spot [pixels], the gain and the pedestal of
        the detector, the threshold in standard deviations, and the plane of the centres.

    Raises
    ------
    InputError
        If a setting is not what it should be, no simulated pattern has enough spots, or none of a sample of
        the images can be used.

    Examples
    --------
    >>> patterns = edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=2)
    >>> edsym.find_spots(patterns, q_max=1.8).to_frame().columns.to_list()
    ['pattern', 'qx', 'qy', 'intensity', 'h', 'k', 'l']
    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64]
    >>> disks = [(np.hypot(y - 32 - b, x - 32 - a) < 4) for a in (-20, 0, 20) for b in (-20, 0, 20)]
    >>> image = np.random.default_rng(0).poisson(0.1 + 5 * sum(disks))
    >>> found = edsym.find_spots(image, pixel=0.02)
    >>> len(found.qx), bool(found.valid[0]), [round(float(v)) for v in found.centre[0]]
    (8, True, [32, 32])
    """
    if isinstance(patterns, Patterns):
        return simulated_spots(patterns, **settings)
    return find_scan_spots(patterns, **settings)
