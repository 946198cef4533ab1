/**
 * The zones in which the owner of a North American phone number may live: those of the state or province of its area
 * code. Source: the North American Numbering Plan's list of geographic area codes by location (nationalnanpa.com), and
 * the zones of each state in the IANA time zone database. Zones with equal rules today are named once. Area codes of
 * other countries of the plan, and those without a place (toll-free), are not here.
 */
const EASTERN = 'America/New_York';
const CENTRAL = 'America/Chicago';
const MOUNTAIN = 'America/Denver';
const PACIFIC = 'America/Los_Angeles';
const PUERTO_RICO = 'America/Puerto_Rico';

/** State or province, its zones, its area codes. */
const STATES: readonly (readonly [string, readonly string[], string])[] = [
  ['AL', [CENTRAL], '205 251 256 334 659 938'],
  ['AK', ['America/Anchorage', 'America/Adak'], '907'],
  ['AZ', ['America/Phoenix', MOUNTAIN], '480 520 602 623 928'],
  ['AR', [CENTRAL], '327 479 501 870'],
  [
    'CA',
    [PACIFIC],
    '209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951',
  ],
  ['CO', [MOUNTAIN], '303 719 720 748 970 983'],
  ['CT', [EASTERN], '203 475 860 959'],
  ['DE', [EASTERN], '302'],
  ['DC', [EASTERN], '202 771'],
  [
    'FL',
    [EASTERN, CENTRAL],
    '239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954',
  ],
  ['GA', [EASTERN], '229 404 470 478 678 706 762 770 912 943'],
  ['HI', ['Pacific/Honolulu'], '808'],
  ['ID', ['America/Boise', PACIFIC], '208 986'],
  ['IL', [CENTRAL], '217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872'],
  ['IN', ['America/Indiana/Indianapolis', CENTRAL], '219 260 317 463 574 765 812 930'],
  ['IA', [CENTRAL], '319 515 563 641 712'],
  ['KS', [CENTRAL, MOUNTAIN], '316 620 785 913'],
  ['KY', [EASTERN, CENTRAL], '270 364 502 606 859'],
  ['LA', [CENTRAL], '225 318 337 457 504 985'],
  ['ME', [EASTERN], '207'],
  ['MD', [EASTERN], '227 240 301 410 443 667'],
  ['MA', [EASTERN], '339 351 413 508 617 774 781 857 978'],
  ['MI', ['America/Detroit', CENTRAL], '231 248 269 313 517 586 616 679 734 810 906 947 989'],
  ['MN', [CENTRAL], '218 320 507 612 651 763 924 952'],
  ['MS', [CENTRAL], '228 471 601 662 769'],
  ['MO', [CENTRAL], '235 314 417 557 573 636 660 816 975'],
  ['MT', [MOUNTAIN], '406'],
  ['NE', [CENTRAL, MOUNTAIN], '308 402 531'],
  ['NV', [PACIFIC, MOUNTAIN], '702 725 775'],
  ['NH', [EASTERN], '603'],
  ['NJ', [EASTERN], '201 551 609 640 732 848 856 862 908 973'],
  ['NM', [MOUNTAIN], '505 575'],
  ['NY', [EASTERN], '212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934'],
  ['NC', [EASTERN], '252 336 472 704 743 828 910 919 980 984'],
  ['ND', [CENTRAL, MOUNTAIN], '701'],
  ['OH', [EASTERN], '216 220 234 283 326 330 380 419 436 440 513 567 614 740 937'],
  ['OK', [CENTRAL], '405 539 572 580 918'],
  ['OR', [PACIFIC, 'America/Boise'], '458 503 541 971'],
  ['PA', [EASTERN], '215 223 267 272 412 445 484 570 582 610 717 724 814 835 878'],
  ['RI', [EASTERN], '401'],
  ['SC', [EASTERN], '803 821 839 843 854 864'],
  ['SD', [CENTRAL, MOUNTAIN], '605'],
  ['TN', [EASTERN, CENTRAL], '423 615 629 731 865 901 931'],
  [
    'TX',
    [CENTRAL, MOUNTAIN],
    '210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903 915 936 940 945 956 972 979',
  ],
  ['UT', [MOUNTAIN], '385 435 801'],
  ['VT', [EASTERN], '802'],
  ['VA', [EASTERN], '276 434 540 571 686 703 757 804 826 948'],
  ['WA', [PACIFIC], '206 253 360 425 509 564'],
  ['WV', [EASTERN], '304 681'],
  ['WI', [CENTRAL], '262 274 353 414 534 608 715 920'],
  ['WY', [MOUNTAIN], '307'],
  ['PR', [PUERTO_RICO], '787 939'],
  ['VI', [PUERTO_RICO], '340'],
  ['GU', ['Pacific/Guam'], '671'],
  ['MP', ['Pacific/Guam'], '670'],
  ['AS', ['Pacific/Pago_Pago'], '684'],
  ['AB', ['America/Edmonton'], '368 403 587 780 825'],
  ['BC', ['America/Vancouver', 'America/Edmonton', 'America/Dawson_Creek'], '236 250 257 604 672 778'],
  ['MB', ['America/Winnipeg'], '204 431 584'],
  ['NB', ['America/Moncton'], '428 506'],
  ['NL', ['America/St_Johns', 'America/Goose_Bay'], '709 879'],
  ['NS and PE', ['America/Halifax'], '782 902'],
  [
    'ON',
    ['America/Toronto', 'America/Winnipeg', 'America/Atikokan'],
    '226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942',
  ],
  [
    'QC',
    ['America/Toronto', 'America/Halifax', 'America/Blanc-Sablon'],
    '263 354 367 418 438 450 468 514 579 581 819 873',
  ],
  ['SK', ['America/Regina', 'America/Edmonton'], '306 474 639'],
  ['YT, NT and NU', ['America/Whitehorse', 'America/Edmonton', 'America/Iqaluit', 'America/Rankin_Inlet'], '867'],
];

const ZONES: ReadonlyMap<string, readonly string[]> = new Map(
  STATES.flatMap(([, zones, codes]) => codes.split(' ').map((code) => [code, zones] as const)),
);

const NO_ZONES: readonly string[] = [];

/** All zones of the state of a phone number's area code; none if its place is not known. */
export function zonesOfPhone(phone: string): readonly string[] {
  const code = /^\+1(\d{3})\d{7}$/.exec(phone)?.[1];
  return (code === undefined ? undefined : ZONES.get(code)) ?? NO_ZONES;
}

/** For tests: every area code with its state. */
export const areaCodes = (): { code: string; state: string; zones: readonly string[] }[] =>
  STATES.flatMap(([state, zones, codes]) => codes.split(' ').map((code) => ({ code, state, zones })));
